"""What goes where: documents and tables to stdout, words and progress to stderr."""

import json
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Column, Table
from rich.text import Text

LONG = 1e6
MOMENT_S = 1.0
"""A wait that is longer is told in a line."""


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


def fixed(value: float | None, digits: int = 2) -> str | None:
    """A figure to so many digits after the point; one that would be a long row of digits as a power of ten."""
    if value is None:
        return None
    return f"{value:.{digits}f}" if abs(value) < LONG else f"{value:.2e}"


def when(moment: str | None) -> str | None:
    """An ISO time as people read it: to the minute, in UTC."""
    return None if moment is None else moment[:16].replace("T", " ")


class Pace(ProgressColumn):
    """Done a second (or a minute, where that is less than one), and the time left at this pace since it began."""

    def render(self, task: Task) -> Text:
        done = task.completed - task.fields["begun"]
        if not done or not task.elapsed:
            return Text("")
        pace = done / task.elapsed
        words = f"{pace:.0f}/s" if pace >= 10 else f"{pace:.1f}/s" if pace >= 1 else f"{60 * pace:.1f}/min"
        seconds = round(((task.total or 0) - task.completed) / pace)
        return Text(f"{words}, {seconds // 60}:{seconds % 60:02d} left")


@dataclass(frozen=True)
class Bar:
    """One progress bar on stderr; ``to(done)`` moves it, ``note`` changes its words."""

    progress: Progress
    task: Any

    def to(self, done: float) -> None:
        self.progress.update(self.task, completed=done)

    def note(self, text: str) -> None:
        self.progress.update(self.task, note=text)

    def begin(self, done: float) -> None:
        """Start the clock, with this much done already."""
        self.progress.reset(self.task, completed=int(done), begun=done, note="")

    @contextmanager
    def waiting(self, reason: str) -> Iterator[None]:
        """Give the reason of a wait for as long as it lasts."""
        before = self.progress.tasks[0].fields["note"]
        self.note(reason)
        yield
        self.note(before)

    @contextmanager
    def held_up(self, reason: str) -> Iterator[None]:
        """Like ``waiting``; a wait of more than a moment is told in a line too, for whoever sees no bar move."""
        timer = threading.Timer(MOMENT_S, self.tell, [f"{reason[:1].upper()}{reason[1:]}."])
        timer.daemon = True
        timer.start()
        try:
            with self.waiting(reason):
                yield
        finally:
            timer.cancel()

    def tell(self, sentence: str) -> None:
        """Print a line above the bar."""
        self.progress.console.print(sentence, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def bar(title: str, total: float) -> Iterator[Bar]:
    """A progress bar with its rate and the time left, on stderr."""
    shown = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=14),
        TextColumn("{task.completed:.0f} of {task.total:.0f}", table_column=Column(no_wrap=True)),
        Pace(table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[note]}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
        console=Console(stderr=True),
        expand=True,
    )
    with shown:
        yield Bar(shown, shown.add_task(title, total=total, note="", begun=0))
