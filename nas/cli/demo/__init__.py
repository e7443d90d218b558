"""``make demo``: the whole service once, as a user would use it, on photographs that come with packages."""
