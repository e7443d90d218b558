"""The score of the challenge, the gate before it, and ranks; on plain numbers."""

from nas.scoring.edition import DEFAULT_EDITION, Edition, edition_names, load_edition
from nas.scoring.formula import Score, score, score_ratios
from nas.scoring.ranks import Rank, Standing, gate, ordinal, passes, rank_here, standing, would_be_rank
from nas.scoring.table import as_printed, table1

__all__ = [
    "DEFAULT_EDITION",
    "Edition",
    "Rank",
    "Score",
    "Standing",
    "as_printed",
    "edition_names",
    "gate",
    "load_edition",
    "ordinal",
    "passes",
    "rank_here",
    "score",
    "score_ratios",
    "standing",
    "table1",
    "would_be_rank",
]
