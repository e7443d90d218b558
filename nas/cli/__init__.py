"""The command line: one file per group of commands, rooms imported only by the command that needs them."""

from nas.cli.entry import app, main

__all__ = ["app", "main"]
