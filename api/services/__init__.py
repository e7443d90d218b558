"""What the routes do, given one transaction: each function asks repositories and returns what is answered."""
