"""Ready-made spaces, published systems, recipes and challenges, as data; read through ``importlib.resources``."""
