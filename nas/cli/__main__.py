"""``python -m nas.cli`` does what ``nas`` does."""

from nas.cli.entry import main

main()
