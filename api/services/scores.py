"""Scores of single networks."""

from dataclasses import asdict

from api.schemas import FiguresToScore, ScoreView
from nas import scoring
from nas.errors import UnknownNameError


def scored(figures: FiguresToScore) -> ScoreView:
    """Score figures by an edition's formula, gate and results.

    Raises:
        UnknownNameError: no edition has that name; a path is none.
        RequestError: an own edition breaks a rule.
    """
    if isinstance(figures.edition, str) and figures.edition not in scoring.edition_names():
        raise UnknownNameError("challenge edition", figures.edition, scoring.edition_names())
    rules = scoring.load_edition(figures.edition)
    own = scoring.score(figures.runtime_ms, figures.params, figures.flops, figures.baseline_runtime_ms, rules)
    found = scoring.standing(own, figures.psnr_db, rules)
    return ScoreView(**asdict(own), edition=rules.name, psnr_db=figures.psnr_db, **asdict(found))
