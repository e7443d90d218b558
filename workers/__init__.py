"""Workers: claim searches and exports from the store, and carry them out on Ray."""
