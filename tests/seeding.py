"""A search as a worker leaves it in the store, with made-up measurements of real architectures."""

import random
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy.orm import Session

from nas.costing import cost
from nas.evaluate.fidelity.candidates import Candidate, Length
from nas.evaluate.fidelity.report import report
from nas.language import Architecture, load_architecture, load_space
from nas.requests import SearchRequest
from nas.scoring import score
from nas.store import Claim, Store, architectures, blobs, exports, fidelities, searches, trials, workers

BASELINE_MS = 20.0
DEVICE = {"uuid": "cpu-1", "name": "Test CPU", "kind": "cpu"}
SYSTEMS_MS = {"EMSR": 9.1, "XiaomiMM": 9.4, "ShannonLab": 8.2, "TSSR": 8.25}
Document = dict[str, Any]


@dataclass(frozen=True)
class Seeded:
    """What the tests may want to name."""

    search_id: str
    claim: Claim
    hashes: tuple[str, ...]
    """Of the trials, by number."""


def seed_search(store: Store, *, name: str = "a search", count: int = 12, ended: bool = True) -> Seeded:
    """Write a search of `count` trials: most complete, the last ones pruned, infeasible, duplicate and failed."""
    claim = start_search(store, name=name, count=count)
    drawn = sample(count)
    with store.session() as session:
        searches.set_baseline(session, claim, baseline())
        searches.set_reference(session, claim, {"psnr": 22.0, "score": 8.0})
        workers.beat(session, "worker", {DEVICE["uuid"]: DEVICE})
        for number, architecture in enumerate(drawn):
            add_trial(session, claim, number, architecture, state=_state(number, count))
        if ended:
            searches.finish(session, claim, "done")
    return Seeded(claim.id, claim, tuple(one.hash for one in drawn))


def start_search(store: Store, *, name: str = "a search", count: int = 12) -> Claim:
    """Queue a search and claim it."""
    request = SearchRequest(space="span", trials=count, name=name)
    with store.session() as session:
        searches.create(session, request.model_dump(mode="json"), name=name)
    with store.session() as session:
        claimed = searches.claim(session, "worker")
    assert claimed is not None
    return claimed.claim


@lru_cache
def sample(count: int) -> list[Architecture]:
    """Architectures of the ready-made space, all different and within its bounds."""
    space, rng = load_space("span"), random.Random(7)
    found: dict[str, Architecture] = {}
    while len(found) < count:
        architecture = space.sample(rng)
        if all(bound.violation(asdict(cost(architecture))) <= 0 for bound in space.require):
            found[architecture.hash] = architecture
    return list(found.values())


def baseline() -> Document:
    """What a worker writes of EFDN and the published systems beside it."""
    published = load_architecture("system:EFDN")
    counted = cost(published)
    return {
        "name": "EFDN",
        "hash": published.hash,
        "deployed_hash": published.deployed_hash,
        "params": counted.params,
        "flops": counted.flops,
        "latency_ms": BASELINE_MS,
        "latency_interval": [19.9, 20.1],
        "psnr_db": 24.10,
        "seeds": 1,
        "gate_psnr_db": 24.07,
        "edition": "ntire2025",
        "device": DEVICE,
        "protocol": "screen/1",
        "recipe": "demo",
        "data": "embedded",
        "systems": [_system(name, latency_ms) for name, latency_ms in SYSTEMS_MS.items()],
    }


def _system(name: str, latency_ms: float) -> Document:
    published = load_architecture(f"system:{name}")
    figures = _measured(published, latency_ms)
    del figures["activations"], figures["convs"], figures["training_params"]
    return {"name": name, "deployed_hash": published.deployed_hash, **figures}


def _measured(architecture: Architecture, latency_ms: float) -> Document:
    counted = cost(architecture)
    scored = score(latency_ms, counted.params, counted.flops, baseline_runtime_ms=BASELINE_MS)
    return {
        **asdict(counted),
        "latency_ms": latency_ms,
        "latency_interval": [latency_ms * 0.995, latency_ms * 1.006],
        "latency_ratio": latency_ms / BASELINE_MS,
        "latency_ratio_interval": [latency_ms / BASELINE_MS * 0.995, latency_ms / BASELINE_MS * 1.006],
        "latency_status": "ok",
        "score": scored.final,
        "score_runtime": scored.runtime,
        "score_params": scored.params,
        "score_flops": scored.flops,
    }


def add_trial(
    session: Session, claim: Claim, number: int, architecture: Architecture, *, state: trials.State = "complete"
) -> None:
    """Write one trial; larger networks are slower and, up to a wobble, better."""
    counted = cost(architecture)
    latency_ms = 2.0 + counted.flops / 1.1e9 * (1 + 0.25 * ((number * 7) % 5 - 2) / 2)
    psnr_db = 23.2 + 0.9 * (counted.params / 276_192) ** 0.4 + 0.08 * ((number * 5) % 7 - 3)
    metrics = _measured(architecture, round(latency_ms, 3)) | {"psnr_db": round(psnr_db, 3)}
    if state != "complete":
        metrics["psnr_db"] -= 0.6
    if number % 4 == 1:  # the machine was busy: slow by the clock, and as fast as ever beside the baseline
        metrics |= {"latency_ms": metrics["latency_ms"] * 1.4, "latency_status": "unstable"}
    architectures.put(session, architecture, asdict(counted))
    trials.add(session, claim, [{"number": number, "assignment": {}}])
    trials.update(
        session,
        claim,
        number,
        state=state,
        hash=architecture.hash,
        deployed_hash=architecture.deployed_hash,
        metrics=metrics,
        values={"psnr": metrics["psnr_db"], "score": metrics["score"]} if state == "complete" else {},
        constraints={"params <= 276192": 1.0 if state == "infeasible" else -0.5},
        rung=1 if state == "complete" else 0,
    )


def _state(number: int, count: int) -> trials.State:
    last: dict[int, trials.State] = {1: "failed", 2: "infeasible", 3: "pruned", 4: "pruned"}
    return last.get(count - number, "complete")


def seed_fidelity(store: Store, seeded: Seeded) -> Document:
    """Write a fidelity report of a seeded search, as its worker would; the first rung mixes up neighbours."""
    short, long = Length(150, "demo"), Length(600, "demo")
    with store.session() as session:
        found = [
            Candidate(
                hash=own,
                params=100_000 + 9_000 * number,
                flops=10**10 + 10**8 * number,
                latency_ms=8.0 + 0.3 * number,
                psnr_db={
                    short: {0: 23.0 + 0.03 * (number ^ 1), 1: 23.02 + 0.03 * (number ^ 2)},
                    long: {0: 23.5 + 0.04 * number, 1: 23.52 + 0.04 * (number ^ 1)},
                },
                loss_sums={short: {0: 1.0 / (1 + (number ^ 2))}},
                zero_cost={"synflow": float(number % 5), "naswot": float(number % 3)},
            )
            for number, own in enumerate(seeded.hashes)
        ]
        document = {"search": seeded.search_id, "data": "embedded", "seed": 0, **report(found)}
        fidelities.put(session, seeded.search_id, document)
    return document


def finish_export(store: Store, data: bytes) -> None:
    """Do the work of the export that waits, as a worker would."""
    with store.session() as session:
        export = exports.claim(session, "worker")
        assert export is not None
        exports.finish(session, export.claim, "done", architecture_hash=export.hash, blob=blobs.put(session, data))
