"""What goes where: documents and tables to stdout, words and progress to stderr."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text


def say(*sentences: str) -> None:
    """Print words for people on stderr, so that stdout stays a document or a table."""
    Console(stderr=True, highlight=False).print(*sentences, markup=False, soft_wrap=True)


def emit(document: Any, *, as_json: bool, table: Callable[[], Table | str]) -> None:
    """Print ``document`` as the one JSON document on stdout, or the table made of it."""
    if as_json:
        sys.stdout.write(json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False) + "\n")
        return
    shown = table()
    Console(highlight=False, width=None if sys.stdout.isatty() else 160).print(
        shown, markup=False, soft_wrap=isinstance(shown, str)
    )


def columns(*titles: str, left: int = 1, title: str | None = None) -> Table:
    """A plain table whose first ``left`` columns are words and whose others are numbers."""
    table = Table(
        title=title, box=None, show_header=any(titles), pad_edge=False, header_style="bold", title_justify="left"
    )
    for number, name in enumerate(titles):
        table.add_column(name, justify="left" if number < left else "right", overflow="fold")
    return table


def rows(table: Table, values: Iterable[Sequence[Any]]) -> Table:
    """Add rows, absent values as a dash."""
    for row in values:
        table.add_row(*("–" if value is None else str(value) for value in row))
    return table


def when(moment: str | None) -> str | None:
    """An ISO time as people read it: to the minute, in UTC."""
    return None if moment is None else moment[:16].replace("T", " ")


class Rate(ProgressColumn):
    """Steps done a second, as text."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.2f}/s" if speed < 10 else f"{speed:.0f}/s")


@dataclass(frozen=True)
class Bar:
    """One progress bar on stderr; ``to(done)`` moves it, ``note`` changes its words."""

    progress: Progress
    task: Any

    def to(self, done: float, total: float | None = None) -> None:
        self.progress.update(self.task, completed=done, total=total)

    def note(self, text: str) -> None:
        self.progress.update(self.task, note=text)


@contextmanager
def bar(title: str, total: float | None = None) -> Iterator[Bar]:
    """A progress bar with its rate and the time left, on stderr."""
    shown = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        Rate(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
    )
    with shown:
        yield Bar(shown, shown.add_task(title, total=total, note=""))
