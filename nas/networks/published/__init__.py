"""Published weights as weights of ours: read with care, named by a table, merged, and fitted key by key."""

from nas.networks.published.importing import import_weights
from nas.networks.published.table import Table, load_tables, table_names

__all__ = ["Table", "import_weights", "load_tables", "table_names"]
