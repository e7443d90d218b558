"""How far a cheap estimate of quality can be trusted: rank agreement with long training, and noise between seeds."""
