"""The fidelity report of a search: made from its rows when it ends, and again whenever more is known."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from nas.errors import MeasurementError, NasError, RequestError
from nas.evaluate.fidelity.candidates import Candidate, Length
from nas.evaluate.fidelity.report import report
from nas.evaluate.quality.recipes import Recipe, load_recipe
from nas.language import Architecture
from nas.store import Quality, Search, Store, architectures, datasets, fidelities, qualities, searches, trials
from workers.jobs import Backend, Job

LOG = logging.getLogger(__name__)
Told = Callable[[int, int, str], None]
"""Told how many of how many are done, and which one is next."""


def conclude(store: Store, search_id: str) -> None:
    """Write the report of a search that ends; what goes wrong with it is no fault of the search."""
    try:
        write(store, search_id)
    except NasError as error:
        LOG.warning("search %s has no fidelity report: %s", search_id, error)
    except Exception:
        LOG.exception("the fidelity report of search %s broke", search_id)


def write(store: Store, search_id: str, zero_cost: dict[str, dict[str, float]] | None = None) -> dict[str, Any]:
    """Make the report from all that the store holds, keep it and return it.

    Args:
        store: The store.
        search_id: The search.
        zero_cost: Scores by hash, added to those of the report before.
    """
    with store.session() as session:
        search = searches.get(session, search_id)
        before = fidelities.find(session, search_id)
        known = {one["hash"]: one["zero_cost"] for one in (before.document["candidates"] if before else [])}
        known |= zero_cost or {}
        found = [replace(one, zero_cost=known.get(one.hash, {})) for one in candidates(session, search)]
        document = {
            "search": search_id,
            "data": search.request["data"],
            "seed": search.request["seed"],
            **report(found),
        }
        fidelities.put(session, search_id, document)
    return document


def candidates(session: Session, search: Search) -> list[Candidate]:
    """Return the trained networks of a search, each once, with all comparable trainings of them in the store."""
    recipe = load_recipe(search.request["recipe"])
    found: dict[str, Candidate] = {}
    for trial in trials.every(session, search.id):
        if trial.metrics.get("psnr_by_rung") and trial.hash not in found:
            found[trial.hash] = _candidate(trial.hash, trial.metrics, recipe, search.request["seed"])
    rows = qualities.of_architectures(session, list(found))
    comparable = {row.data_fingerprint for row in rows if _own(row, found[row.hash], recipe, search)}
    for row in rows:
        if row.data_fingerprint in comparable and row.psnr_db is not None:
            found[row.hash] = _with(found[row.hash], row, recipe)
    return list(found.values())


def _candidate(own: str, metrics: dict[str, Any], recipe: Recipe, seed: int) -> Candidate:
    trained = zip(recipe.rungs, metrics["psnr_by_rung"], strict=False)
    psnr_db = {Length(step, recipe.name): {seed: value} for step, value in trained}
    return Candidate(own, metrics["params"], metrics["flops"], metrics.get("latency_ms"), psnr_db)


def _own(row: Quality, one: Candidate, recipe: Recipe, search: Search) -> bool:
    """Whether this is a training of the search itself."""
    seeds = one.psnr_db.get(Length(row.step, recipe.name), {})
    return row.recipe_hash == recipe.hash and seeds.get(row.seed) == row.psnr_db and row.seed == search.request["seed"]


def _with(one: Candidate, row: Quality, recipe: Recipe) -> Candidate:
    """Add a training. Its sum of losses counts from the start only: a resumed one goes on from the rung before."""
    named = recipe.name if row.recipe_hash == recipe.hash else str(row.record.get("recipe", row.recipe_hash[:8]))
    length = Length(row.step, named)
    psnr_db = {**one.psnr_db, length: {**one.psnr_db.get(length, {}), row.seed: row.psnr_db or 0.0}}
    began, total = row.record.get("from_step"), row.record.get("loss_sum")
    before = 0.0 if began == 0 else one.loss_sums.get(Length(began or 0, named), {}).get(row.seed)
    sums = dict(one.loss_sums)
    if total is not None and before is not None:
        sums[length] = {**sums.get(length, {}), row.seed: before + total}
    return replace(one, psnr_db=psnr_db, loss_sums=sums)


def score_untrained(store: Store, search_id: str, told: Told) -> dict[str, dict[str, float]]:
    """Return the zero-cost scores of every trained network of a search, by hash."""
    from nas.evaluate.fidelity import zero_cost
    from nas.evaluate.quality.data import load
    from nas.evaluate.quality.sharing import turns_on

    with store.reading() as session:
        search = searches.get(session, search_id)
        documents = _documents(session, candidates(session, search))
        folder = datasets.resolve(session, search.request["data"])
    scale = next((Architecture(one).scale for one in documents.values()), 4)
    batch = zero_cost.patches(load(folder, scale))
    found, turns = {}, turns_on("cpu")
    for number, (own, document) in enumerate(documents.items()):
        told(number, len(documents), own)
        with turns.taken():
            found[own] = zero_cost.scores(Architecture(document), batch, seed=search.request["seed"])
    return found


def train_sample(
    store: Store, search_id: str, count: int, told: Told, *, recipe: Recipe, seeds: int, device: str, scratch: Path
) -> None:
    """Train a sample of candidates to the end of a recipe, evenly spread over what the first rung says of them.

    Those that a search stopped early are in it, which keeps the comparison fair: the survivors alone were chosen by the
    very order that is judged. What is in the store already is not trained again. One that diverges is left out: the
    others still tell something.

    Raises:
        RequestError: No candidate has reached a rung.
    """
    with store.reading() as session:
        search = searches.get(session, search_id)
        chosen = spread(candidates(session, search), count)
        documents = _documents(session, chosen)
        folder = datasets.resolve(session, search.request["data"])
    if not documents:
        raise RequestError(
            f"No candidate of search {search_id} has reached a rung yet, so there is none to train; wait."
        )
    first, number = int(search.request["seed"]), 0
    for seed in range(first, first + seeds):
        backend = _backend(search_id, documents, recipe, data=str(folder), seed=seed, device=device, scratch=scratch)
        for own, document in documents.items():
            told(number, seeds * len(documents), f"{own[:11]}, seed {seed}")
            try:
                _train(store, backend, Architecture(document), recipe.name, seed)
            except MeasurementError as error:
                LOG.warning("%s, seed %d, is left out: %s", own[:11], seed, error)
            number += 1


def _backend(
    search_id: str,
    documents: dict[str, dict[str, Any]],
    recipe: Recipe,
    *,
    data: str,
    seed: int,
    device: str,
    scratch: Path,
) -> Backend:
    from workers.networks import Networks

    some = next(iter(documents.values()))
    job = Job(
        database="",
        search_id=search_id,
        recipe=recipe.model_dump(mode="json"),
        data=data,
        seed=seed,
        device=device,
        scale=Architecture(some).scale,
        baseline=some,
        rungs=(recipe.steps,),
        scratch=str(scratch),
    )
    return Networks(job)


def _train(store: Store, backend: Backend, architecture: Architecture, recipe: str, seed: int) -> None:
    key = backend.quality_key(architecture, 0)
    with store.reading() as session:
        if qualities.get(session, key) is not None:
            return
    found = backend.quality(architecture, 0, lambda _: None)
    with store.session() as session:
        qualities.put(
            session,
            key,
            architecture_hash=architecture.hash,
            recipe_hash=found.recipe_hash,
            data_fingerprint=found.data_fingerprint,
            seed=seed,
            step=found.step,
            code_version=found.code_version,
            psnr_db=found.psnr_db,
            record={**found.record, "metrics": found.metrics, "recipe": recipe},
        )
    backend.forget(architecture)


def spread(known: Sequence[Candidate], count: int) -> list[Candidate]:
    """Return so many candidates, evenly spread over the order that the shortest training puts them in."""
    lengths = [length for one in known for length in one.psnr_db]
    if not lengths:
        return []
    first = min(lengths)
    order = sorted(
        (one for one in known if one.first_db(first) is not None), key=lambda one: one.first_db(first) or 0.0
    )
    count = min(count, len(order))
    places = [round(place * (len(order) - 1) / max(count - 1, 1)) for place in range(count)]
    return [order[place] for place in places]


def _documents(session: Session, chosen: Iterable[Candidate]) -> dict[str, dict[str, Any]]:
    hashes = [one.hash for one in chosen]
    rows = architectures.many(session, set(hashes))
    return {own: rows[own].document for own in hashes if own in rows}
