"""Every draw of a space, one after the other."""

from collections.abc import Iterator
from contextlib import suppress

from nas.errors import LanguageError
from nas.language import Draw, Hole, Space, Value


class _Odometer:
    """A chooser that counts through all decisions, the last one fastest."""

    def __init__(self) -> None:
        self._decisions: list[tuple[int, int]] = []
        self._asked = 0

    def choose(self, hole: Hole) -> Value:
        """Return the value at the current position of this decision."""
        if self._asked == len(self._decisions):
            self._decisions.append((0, len(hole.values)))
        position, _ = self._decisions[self._asked]
        self._asked += 1
        return hole.values[position]

    def advance(self) -> bool:
        """Move on to the next draw; False after the last."""
        del self._decisions[self._asked :]
        self._asked = 0
        while self._decisions:
            position, count = self._decisions.pop()
            if position + 1 < count:
                self._decisions.append((position + 1, count))
                return True
        return False


def every_draw(space: Space) -> Iterator[Draw]:
    """Yield the draws of a space that keep its rules, in a fixed order."""
    odometer = _Odometer()
    more = True
    while more:
        with suppress(LanguageError):
            yield space.draw(odometer)
        more = odometer.advance()
