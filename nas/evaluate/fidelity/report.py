"""The fidelity report: how well rungs and cheap estimates order networks as long training does."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from nas.evaluate.fidelity.candidates import Candidate, Length
from nas.evaluate.fidelity.ranks import BAND, ENOUGH, LEVEL, TOP, agreement, close_pairs, fullest_band
from nas.evaluate.fidelity.seeds import noise

VERSION = 1
LEAST = 3
"""Networks that have to share the longest training for it to be the truth."""

Score = Callable[[Candidate], float | None]


def report(candidates: Sequence[Candidate]) -> dict[str, Any]:
    """Compare everything that is cheaper than the longest training with it.

    Returns:
        ``truth``: the longest training that at least ``LEAST`` networks share, None without one; ``rungs``: shorter
        trainings; ``baselines``: what costs little or nothing, which a rung has to beat; ``noise``: between seeds, by
        length. A rung and a baseline have ``networks``, ``spearman``, ``kendall``, ``recall``, the same ``within_band``
        of nearly equal cost, and ``why_not`` in words where there is no figure.
    """
    lengths = sorted({length for one in candidates for length in one.psnr_db})
    truth = longest(candidates, lengths)
    shorter = [] if truth is None else [length for length in lengths if length < truth]
    return {
        "version": VERSION,
        "enough": ENOUGH,
        "level": LEVEL,
        "top": TOP,
        "band": BAND,
        "truth": None if truth is None else {**named(truth), "networks": len(having(candidates, truth))},
        "rungs": [] if truth is None else [rung(candidates, length, truth) for length in shorter],
        "baselines": [] if truth is None else list(baselines(candidates, shorter, truth)),
        "noise": [found for length in lengths if (found := noise_after(candidates, length)) is not None],
        "candidates": [described(one) for one in candidates],
    }


def named(length: Length) -> dict[str, Any]:
    """Return a length as plain data."""
    return {"step": length.step, "recipe": length.recipe}


def having(candidates: Iterable[Candidate], length: Length) -> list[Candidate]:
    """Return those that were trained so long."""
    return [one for one in candidates if one.psnr_db.get(length)]


def longest(candidates: Sequence[Candidate], lengths: Sequence[Length]) -> Length | None:
    """Return the longest training that enough networks share."""
    shared = [length for length in lengths if len(having(candidates, length)) >= LEAST]
    return max(shared, default=None)


def rung(candidates: Sequence[Candidate], length: Length, truth: Length) -> dict[str, Any]:
    """Compare a shorter training with the truth, and with that of other seeds: the same run shares its luck."""
    others: dict[str, float] = {}
    for one in candidates:
        seeds, long = one.psnr_db.get(length, {}), one.psnr_db.get(truth, {})
        rest = [value for seed, value in long.items() if seeds and seed != min(seeds)]
        if rest:
            others[one.hash] = sum(rest) / len(rest)
    known = [one for one in candidates if one.hash in others]
    across = agreement([one.first_db(length) or 0.0 for one in known], [others[one.hash] for one in known])
    row = compared(candidates, lambda one: one.first_db(length), truth)
    return {**named(length), **row, "across_seeds": across.to_dict()}


def baselines(candidates: Sequence[Candidate], shorter: Sequence[Length], truth: Length) -> Iterable[dict[str, Any]]:
    """Yield what costs little or nothing, the sum of losses at every shorter length included."""
    scores: dict[str, Score] = {
        "log params": lambda one: math.log(one.params),
        "log FLOPs": lambda one: math.log(one.flops),
    }
    for length in shorter:
        scores[f"training speed, {length.step:,} steps"] = partial(_speed, length=length)
    for name in sorted({name for one in candidates for name in one.zero_cost}):
        scores[name] = partial(_untrained, name=name)
    for name, score in scores.items():
        yield {"name": name, **compared(candidates, score, truth)}


def _untrained(one: Candidate, name: str) -> float | None:
    return one.zero_cost.get(name)


def _speed(one: Candidate, length: Length) -> float | None:
    found = one.loss_sums.get(length)
    return -found[min(found)] if found else None


def compared(candidates: Sequence[Candidate], score: Score, truth: Length) -> dict[str, Any]:
    """Compare a score with the truth, over all networks and within a band of nearly equal cost."""
    pairs = [(one, score(one), one.mean_db(truth)) for one in candidates]
    known = [(one, own, true) for one, own, true in pairs if own is not None and true is not None]
    timed = all(one.latency_ms is not None for one, _, _ in known)
    costs = [float(one.latency_ms or 0.0) if timed else float(one.flops) for one, _, _ in known]
    estimate, truths = [own for _, own, _ in known], [true for _, _, true in known]
    whole = agreement(estimate, truths)
    members = found.members if (found := fullest_band(costs)) is not None else ()
    inside = agreement([estimate[i] for i in members], [truths[i] for i in members])
    count, tau = close_pairs(estimate, truths, costs)
    band = {
        "by": "latency_ms" if timed else "flops",
        "middle": found.middle if found is not None else None,
        **inside.to_dict(),
        "pairs": {"count": count, "kendall": tau},
    }
    return {**whole.to_dict(), "within_band": band}


def noise_after(candidates: Sequence[Candidate], length: Length) -> dict[str, Any] | None:
    """Return the noise between seeds after a training; None where no network has two seeds."""
    found = noise({one.hash: one.psnr_db[length] for one in having(candidates, length)})
    return None if found is None else {**named(length), **found}


def described(one: Candidate) -> dict[str, Any]:
    """Return what stands behind the figures of one network."""
    runs = [
        {**named(length), "seed": seed, "psnr_db": value, "loss_sum": one.loss_sums.get(length, {}).get(seed)}
        for length, seeds in sorted(one.psnr_db.items())
        for seed, value in sorted(seeds.items())
    ]
    costs = {"params": one.params, "flops": one.flops, "latency_ms": one.latency_ms}
    return {"hash": one.hash, **costs, "zero_cost": dict(one.zero_cost), "runs": runs}
