"""Names for what an exported file defines."""

import keyword
import re
from collections.abc import Collection


def class_name(name: str, taken: Collection[str]) -> str:
    """Return an architecture's name as that of a class, different from all that are taken."""
    words = re.findall(r"[A-Za-z0-9]+", name)
    joined = "".join(word[0].upper() + word[1:] for word in words)[:60]
    result = joined if joined and not joined[0].isdigit() else f"Network{joined}"
    while result in taken or keyword.iskeyword(result):
        result += "Network"
    return result


def title(name: str) -> str:
    """Return an architecture's name as it may stand in a docstring or a heading."""
    kept = "".join(letter for letter in name if letter.isprintable() and letter not in '\\"`<>')
    return " ".join(kept.split())[:60].strip() or "A network"
