"""What a search found, said the same way by the command line, the service and the page.

Everything is read from the store's rows: the front over the search's own objectives, the gate of the baseline,
and ranks among what was measured on the search's device (the published systems beside it, and this front).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from nas import fronts, scoring
from nas.errors import ConflictError
from nas.requests import MAXIMISED
from nas.store import Architecture, Search, Trial, architectures, searches, trials

Document = dict[str, Any]
LATENCY = ("latency_ms", "latency_interval", "latency_ratio", "latency_ratio_interval", "latency_status")
FIGURES = ("psnr_db", *LATENCY, "params", "flops")
SCORES = ("score", "score_runtime", "score_params", "score_flops")


def front(session: Session, search_id: str) -> Document:
    """The non-dominated, feasible, fully trained networks of a search; the best score first.

    Returns:
        The document of ``nas front --json``. What is not known yet is null; ``baseline`` is empty until it is
        measured. ``rank_here`` counts the published systems measured beside the search, and this front.

    Raises:
        NotFoundError: there is no such search.
    """
    found = _Found.of(session, search_id)
    pool = _scores([*found.published, *(trial.metrics for trial in found.winners)])
    points = [_point(trial, found, pool) for trial in found.winners]
    baseline = found.search.baseline
    return {
        "search": search_id,
        "device": baseline.get("device"),
        "protocol": baseline.get("protocol"),
        "objectives": list(found.objectives),
        "baseline": found.baseline,
        "gate_psnr_db": baseline.get("gate_psnr_db"),
        "hypervolume": _hypervolume(found),
        "systems": [{**one, **paired(one, found.baseline_ms)} for one in baseline.get("systems", [])],
        "points": points,
    }


def leaderboard(session: Session, search_id: str) -> Document:
    """The front among the published systems, all measured on one device; the best score first.

    Raises:
        NotFoundError: there is no such search.
    """
    found = _Found.of(session, search_id)
    rows = [_published_row(system, found) for system in found.published]
    rows += [_candidate_row(trial, found) for trial in found.winners]
    rows = sorted((row for row in rows if row["score"] is not None), key=lambda row: row["score"])
    pool = _scores(rows)
    baseline = found.search.baseline
    return {
        "search": search_id,
        "device": baseline.get("device"),
        "protocol": baseline.get("protocol"),
        "gate_psnr_db": baseline.get("gate_psnr_db"),
        "rows": [{**_rank(row["score"], pool), **row} for row in rows],
    }


def best(session: Session, search_id: str) -> str:
    """The hash of the network to export: the best score that passes the gate; the best PSNR when none does.

    Raises:
        NotFoundError: there is no such search.
        ConflictError: nothing on its front has been trained to the last rung yet.
    """
    found = _Found.of(session, search_id)
    eligible = [trial for trial in found.winners if found.eligible(trial)]
    if eligible:
        return eligible[0].hash
    if not found.winners:
        raise ConflictError(f"The front of search {search_id} is empty. Wait until a trial is complete.")
    return max(found.winners, key=lambda trial: trial.metrics.get("psnr_db", 0.0)).hash


def paired(metrics: Mapping[str, Any], baseline_ms: float | None) -> Document:
    """The latency by which networks of one search are compared: the paired ratio times the search's baseline latency.

    ``latency_ms`` is what the clock said in this network's own window, when the machine may have been busier than in
    that of another one; the ratio is to the baseline in the same window.

    Returns:
        ``latency_paired_ms`` and ``latency_paired_interval``, null where there is no ratio or no baseline yet.
    """
    ratio, bounds = metrics.get("latency_ratio"), metrics.get("latency_ratio_interval")
    if ratio is None or baseline_ms is None:
        return {"latency_paired_ms": None, "latency_paired_interval": None}
    interval = [bound * baseline_ms for bound in bounds] if bounds else None
    return {"latency_paired_ms": ratio * baseline_ms, "latency_paired_interval": interval}


@dataclass(frozen=True)
class _Found:
    """The rows that a report is made of."""

    search: Search
    objectives: tuple[str, ...]
    winners: Sequence[Trial]
    documents: Mapping[str, Architecture]

    @classmethod
    def of(cls, session: Session, search_id: str) -> "_Found":
        search = searches.get(session, search_id)
        objectives = tuple(search.request["objectives"])
        complete = trials.every(session, search_id, state="complete")
        winners = _non_dominated([trial for trial in complete if _feasible(trial)], objectives)
        return cls(search, objectives, winners, architectures.many(session, {trial.hash for trial in winners}))

    @property
    def baseline(self) -> Document:
        """The baseline with its score; empty until it is measured. Its paired latency is its own."""
        known = {name: value for name, value in self.search.baseline.items() if name != "systems"}
        if "latency_ms" not in known:
            return known
        own = {"latency_paired_ms": known["latency_ms"], "latency_paired_interval": known.get("latency_interval")}
        return {**_scored(known), **own}

    @property
    def baseline_ms(self) -> float | None:
        """The baseline's latency in this search; None until it is measured."""
        return self.search.baseline.get("latency_ms")

    @property
    def published(self) -> list[Document]:
        """The baseline, and the published systems measured beside it."""
        return [one for one in (self.baseline, *self.search.baseline.get("systems", [])) if "latency_ms" in one]

    def eligible(self, trial: Trial) -> bool:
        """Whether the trial reaches the gate, which nothing does before the baseline is trained."""
        gate = self.search.baseline.get("gate_psnr_db")
        psnr_db = trial.metrics.get("psnr_db")
        return gate is not None and psnr_db is not None and scoring.passes(psnr_db, gate)


def _feasible(trial: Trial) -> bool:
    return all(violation <= 0 for violation in trial.constraints.values())


def _non_dominated(candidates: Sequence[Trial], objectives: Sequence[str]) -> list[Trial]:
    points = [_values(trial, objectives) for trial in candidates]
    kept = fronts.non_dominated(points, [name in MAXIMISED for name in objectives])
    best = [candidates[index] for index in kept]
    return sorted(best, key=lambda trial: (trial.metrics.get("score", float("inf")), trial.number))


def _values(trial: Trial, objectives: Sequence[str]) -> list[float]:
    return [float(trial.values[name]) for name in objectives]


def _scored(baseline: Document) -> Document:
    latency_ms, edition = baseline["latency_ms"], baseline.get("edition")
    own = scoring.score(latency_ms, baseline["params"], baseline["flops"], latency_ms, edition)
    parts = dict(zip(SCORES, (own.final, own.runtime, own.params, own.flops), strict=True))
    return {**baseline, "latency_ratio": 1.0, **parts}


def _scores(rows: Sequence[Document]) -> list[float]:
    return [row["score"] for row in rows if row.get("score") is not None]


def _rank(score: float | None, pool: Sequence[float]) -> Document:
    if score is None:
        return {"rank_here": None, "of": None}
    others = list(pool)
    others.remove(score)
    rank, of = scoring.rank_here(score, others)
    return {"rank_here": rank, "of": of}


def _point(trial: Trial, found: _Found, pool: Sequence[float]) -> Document:
    known = found.documents.get(trial.hash)
    return {
        "hash": trial.hash,
        "trial": trial.number,
        **{name: trial.metrics.get(name) for name in (*FIGURES, *SCORES)},
        **paired(trial.metrics, found.baseline_ms),
        **_rank(trial.metrics.get("score"), pool),
        "eligible": found.eligible(trial),
        "architecture": known.document if known else None,
    }


def _published_row(system: Document, found: _Found) -> Document:
    kept = {name: system.get(name) for name in ("name", *FIGURES, *SCORES)}
    return {
        **kept,
        **paired(system, found.baseline_ms),
        "kind": "published",
        "hash": system.get("hash"),
        "eligible": None,
    }


def _candidate_row(trial: Trial, found: _Found) -> Document:
    kept = {name: trial.metrics.get(name) for name in (*FIGURES, *SCORES)}
    name = f"trial {trial.number}"
    return {
        "name": name,
        **kept,
        **paired(trial.metrics, found.baseline_ms),
        "kind": "candidate",
        "hash": trial.hash,
        "eligible": found.eligible(trial),
    }


def _hypervolume(found: _Found) -> float | None:
    reference = found.search.reference
    if not reference or not found.winners:
        return 0.0 if reference else None
    points = [_values(trial, found.objectives) for trial in found.winners]
    maximise = [name in MAXIMISED for name in found.objectives]
    return fronts.hypervolume(points, [reference[name] for name in found.objectives], maximise)
