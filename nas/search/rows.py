"""Trials as rows: plain data that a store can keep and a search can be rebuilt from."""

from collections.abc import Mapping
from typing import Any

from nas.search.records import Trial

COLUMNS = (
    "number",
    "state",
    "assignment",
    "hash",
    "deployed_hash",
    "values",
    "metrics",
    "constraints",
    "rung",
    "duplicate_of",
    "sampler",
    "error",
)


def to_row(trial: Trial) -> dict[str, Any]:
    """Return a trial as columns of its row."""
    rungs = {"psnr_by_rung": trial.rungs} if trial.rungs else {}
    return {
        "number": trial.number,
        "state": trial.state,
        "assignment": trial.assignment,
        "hash": trial.hash,
        "deployed_hash": trial.deployed_hash,
        "values": trial.values,
        "metrics": {**trial.metrics, **rungs},
        "constraints": trial.constraints,
        "rung": trial.rung,
        "duplicate_of": trial.duplicate_of,
        "sampler": {"wave": trial.wave, "counts": trial.counts, "told": trial.told, **trial.attributes},
        "error": trial.error,
    }


def from_row(row: Mapping[str, Any]) -> Trial:
    """Return the trial that ``to_row`` made these columns of."""
    sampler, metrics = row["sampler"], dict(row["metrics"])
    return Trial(
        number=row["number"],
        wave=sampler["wave"],
        assignment=dict(row["assignment"]),
        attributes={name: sampler[name] for name in ("trial", "study")},
        state=row["state"],
        hash=row["hash"],
        deployed_hash=row["deployed_hash"],
        duplicate_of=row["duplicate_of"],
        error=row["error"],
        rungs=list(metrics.pop("psnr_by_rung", [])),
        metrics=metrics,
        values=dict(row["values"]),
        constraints=dict(row["constraints"]),
        counts=sampler["counts"],
        told=sampler["told"],
    )
