"""The report's table, recomputed from its own runtimes, parameters and FLOPs."""

from dataclasses import asdict
from typing import Any

from nas.scoring.edition import Edition, Result, load_edition
from nas.scoring.formula import Score
from nas.scoring.ranks import printed_score, rank_here, why_unranked

PARTS = ("runtime", "params", "flops", "final")


def as_printed(value: float) -> float:
    """Round as the report does: two decimals, and from 1,000 on three significant digits."""
    return float(f"{value:.2f}" if value < 1000 else f"{value:.2e}")


def table1(edition: str | Edition | None = None) -> dict[str, Any]:
    """Every score and rank of an edition's results, recomputed, beside the printed ones.

    Returns:
        ``{edition, cells, equal, ranks, ranks_equal, rows}``: printed score cells and how many of them come
        out equal at printed precision, the same for ranks, and the rows, each with ``why`` if it is unranked.
    """
    rules = load_edition(edition)
    scores = [printed_score(row, rules) for row in rules.results]
    whys = [why_unranked(row, rules) for row in rules.results]
    ranked = [asdict(score) for score, why in zip(scores, whys, strict=True) if not why]
    rows = [
        {**_facts(row), **_scores(row, score), **({"why": why} if why else _ranks(row, score, ranked))}
        for row, score, why in zip(rules.results, scores, whys, strict=True)
    ]
    cells, equal = _count(rows, "score")
    ranks, ranks_equal = _count(rows, "rank")
    return {
        "edition": rules.name,
        "cells": cells,
        "equal": equal,
        "ranks": ranks,
        "ranks_equal": ranks_equal,
        "rows": rows,
    }


def _facts(row: Result) -> dict[str, Any]:
    facts = row.model_dump(exclude={"scores", "ranks"}, exclude_none=True)
    return {name: value for name, value in facts.items() if value != ""}


def _scores(row: Result, score: Score) -> dict[str, Any]:
    found = {f"score_{part}": as_printed(getattr(score, part)) for part in PARTS}
    return {**found, **_printed("score", row.scores)}


def _ranks(row: Result, score: Score, ranked: list[dict[str, float]]) -> dict[str, Any]:
    own = asdict(score)
    # `ranked` holds the row itself, which is not below its own score.
    found = {f"rank_{part}": rank_here(own[part], [other[part] for other in ranked]).rank for part in PARTS}
    return {**found, **_printed("rank", row.ranks)}


def _printed(kind: str, cells: Any) -> dict[str, Any]:
    if cells is None:
        return {}
    return {f"printed_{kind}_{part}": getattr(cells, part) for part in PARTS}


def _count(rows: list[dict[str, Any]], kind: str) -> tuple[int, int]:
    pairs = [
        (row[f"printed_{kind}_{part}"], row.get(f"{kind}_{part}"))
        for row in rows
        for part in PARTS
        if f"printed_{kind}_{part}" in row
    ]
    return len(pairs), sum(printed == found for printed, found in pairs)
