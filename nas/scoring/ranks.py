"""Who may be ranked, and at which place."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from nas.errors import RequestError
from nas.scoring.edition import Edition, Result, load_edition
from nas.scoring.formula import Score, score_ratios

ROUNDING_DB = 1e-9
"""26.93 - 0.03 is not quite 26.9 in binary; nobody is to fail the gate by that."""


class Rank(NamedTuple):
    """A place, the best being 1, and among how many, oneself included."""

    rank: int
    of: int

    def __str__(self) -> str:
        return f"{ordinal(self.rank)} of {self.of}"


@dataclass(frozen=True)
class Standing:
    """Where a network would stand in an edition of the challenge.

    Args:
        gate_psnr_db: The PSNR on the validation set that the edition requires.
        eligible: Whether the network reaches it; None where its PSNR was not given.
        why: Why it would not be ranked, empty when it would.
        would_be_rank: Its place among the ranked rows of the report; None when it would have none.
        of: How many would have a place, the network included; None when it would have none.
    """

    gate_psnr_db: float
    eligible: bool | None
    why: str
    would_be_rank: int | None
    of: int | None


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, ..., 11th, ..., 21st."""
    teen = 10 < number % 100 < 14
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def rank_here(score: float, others: Iterable[float]) -> Rank:
    """The place of ``score`` among ``others`` (without itself); equals share the better place."""
    scores = list(others)
    return Rank(1 + sum(other < score for other in scores), 1 + len(scores))


def gate(baseline_psnr_db: float, edition: str | Edition | None = None) -> float:
    """The PSNR that makes a network eligible: the baseline's under the same recipe, data and seed, less the margin.

    Raises:
        RequestError: the baseline's PSNR is not finite.
    """
    if not math.isfinite(baseline_psnr_db):
        raise RequestError(f"A gate needs the baseline's PSNR to be finite, got {baseline_psnr_db!r}.")
    return baseline_psnr_db - load_edition(edition).gates.margin_db


def passes(psnr_db: float, gate_psnr_db: float) -> bool:
    """Whether a PSNR reaches the gate."""
    return psnr_db >= gate_psnr_db - ROUNDING_DB


def why_unranked(result: Result, edition: Edition) -> str:
    """Why a row of the edition's results has no rank, empty when it has one."""
    if result.team == edition.baseline.team:
        return "It is the baseline."
    misses = [
        f"{reached:.2f} dB on the {name} set, where {needed:.2f} dB are required"
        for name, reached, needed in (
            ("validation", result.psnr_val_db, edition.gates.psnr_val_db),
            ("test", result.psnr_test_db, edition.gates.psnr_test_db),
        )
        if not passes(reached, needed)
    ]
    return f"Its PSNR is {' and '.join(misses)}." if misses else ""


def printed_score(result: Result, edition: Edition) -> Score:
    """The score of a row, from its printed runtime, parameters and FLOPs and the printed ones of the baseline."""
    baseline = edition.baseline
    return score_ratios(
        result.runtime_ms / baseline.runtime_ms,
        result.params_m / baseline.params_m,
        result.flops_g / baseline.flops_g,
        edition,
    )


def would_be_rank(score: Score, edition: str | Edition | None = None) -> Rank:
    """The place that a score would have had among the ranked rows of the report.

    Those ran on another device, which a ratio to the baseline makes up for only roughly.
    """
    rules = load_edition(edition)
    ranked = [row for row in rules.results if not why_unranked(row, rules)]
    return rank_here(score.final, (printed_score(row, rules).final for row in ranked))


def standing(score: Score, psnr_db: float | None = None, edition: str | Edition | None = None) -> Standing:
    """Where a score would stand in an edition; without a PSNR, as if the network reached the gate.

    Raises:
        RequestError: the PSNR is not finite.
    """
    rules = load_edition(edition)
    needed = rules.gates.psnr_val_db
    if psnr_db is not None and not math.isfinite(psnr_db):
        raise RequestError(f"A gate needs psnr_db to be finite, got {psnr_db!r}.")
    eligible = None if psnr_db is None else passes(psnr_db, needed)
    if eligible is False:
        why = f"Its PSNR is {psnr_db:g} dB on the validation set, where {needed:.2f} dB are required."
        return Standing(needed, eligible, why, None, None)
    rank, of = would_be_rank(score, rules) if rules.results else (None, None)
    return Standing(needed, eligible, "", rank, of)
