"""The process that measures or trains: it answers from the store where it can, and writes before it answers.

So a result outlives the coordinator: whatever an actor finished is in the store, and is never evaluated again.
"""

import importlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

from nas.costing import counts
from nas.errors import MeasurementError, NasError, RequestError, StoreError
from nas.language import Architecture
from nas.search.records import Result
from nas.store import Store, architectures, blobs, events, measurements, qualities, trials
from workers.jobs import Backend, Job

if TYPE_CHECKING:
    from nas.evaluate.latency.predictor import Predictor

LOG = logging.getLogger(__name__)
PACE_S = 2.0


def load_backend(job: Job) -> Backend:
    """Make the backend that a job names.

    Raises:
        RequestError: There is no such module or factory.
    """
    module, _, name = job.backend.partition(":")
    try:
        factory = cast(Callable[[Job], Backend], getattr(importlib.import_module(module), name))
    except (ImportError, AttributeError) as error:
        raise RequestError(
            f"The evaluator {job.backend!r} cannot be imported ({error}); give module:factory."
        ) from error
    return factory(job)


class Ticker:
    """Writes how far a training is as an event, at most once in ``PACE_S``."""

    def __init__(self, store: Store, search_id: str, architecture_hash: str, rung: int) -> None:
        self._store, self._search_id, self._hash, self._rung = store, search_id, architecture_hash, rung
        self._last = time.monotonic()

    def __call__(self, progress: dict[str, Any]) -> None:
        """Take note of a chunk of training."""
        if time.monotonic() - self._last < PACE_S:
            return
        self._last = time.monotonic()
        with self._store.session() as session:
            trial = trials.by_hash(session, self._search_id, self._hash)
            payload = {"number": trial.number if trial else None, "rung": self._rung, **progress}
            events.append(session, self._search_id, "progress", payload)


class Actor:
    """Evaluates one architecture at a time; Ray runs it in a process of its own."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._store = Store(job.database)
        self._loaded: Backend | None = None

    @property
    def _backend(self) -> Backend:
        """Made at first use, so that what goes wrong with it is a result and not a dead process."""
        if self._loaded is None:
            self._loaded = load_backend(self._job)
        return self._loaded

    def facts(self) -> Result:
        """Describe what stands behind the numbers."""
        return _guarded(lambda: self._backend.facts())

    def latency(self, document: dict[str, Any]) -> Result:
        """Measure an architecture, unless an equal measurement is known."""
        return _guarded(lambda: self._latency(Architecture(document)))

    def forecasts(self, documents: list[dict[str, Any]]) -> Result:
        """Foresee what was not measured, from rows of this search's setup; an error when they are too few."""
        return _guarded(lambda: {"forecasts": self._forecasts([Architecture(one) for one in documents])})

    def quality(self, document: dict[str, Any], rung: int) -> Result:
        """Train an architecture up to a rung, unless an equal training is known."""
        return _guarded(lambda: self._quality(Architecture(document), rung))

    def forget(self, documents: list[dict[str, Any]]) -> None:
        """Drop what was kept to go on with these trainings."""
        for document in documents:
            self._backend.forget(Architecture(document))

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _latency(self, architecture: Architecture) -> dict[str, Any]:
        key = self._backend.latency_key(architecture)
        with self._store.reading() as session:
            known = measurements.newest(session, key)
        if known is not None:
            return dict(known.record["metrics"])
        found = self._backend.latency(architecture)
        with self._store.session() as session:
            architectures.put(session, architecture, counts(architecture))
            measurements.add(
                session,
                key,
                setup=self._backend.latency_setup(),
                deployed_hash=architecture.deployed_hash,
                device_uuid=found.device_uuid,
                protocol=found.protocol,
                status=found.status,
                latency_ms=found.latency_ms,
                ratio=found.ratio,
                record={**found.record, "metrics": found.metrics},
            )
        if found.error:
            raise MeasurementError(found.error)
        return found.metrics

    def _forecasts(self, wanted: Sequence[Architecture]) -> list[dict[str, float] | None]:
        from nas.evaluate.latency.predictor import Predictor

        keys = [self._backend.latency_key(one) for one in wanted]
        with self._store.reading() as session:
            known = measurements.comparable(session, self._backend.latency_setup())
            answered = measurements.answered(session, keys)
        predictor = Predictor.fit([(Architecture(one.document), one.ratio) for one in known])
        return [
            # What was measured costs nothing to ask for, and no prediction may stand in its place.
            None if key in answered else _foreseen(predictor, one)
            for one, key in zip(wanted, keys, strict=True)
        ]

    def _quality(self, architecture: Architecture, rung: int) -> dict[str, Any]:
        key = self._backend.quality_key(architecture, rung)
        with self._store.reading() as session:
            known = qualities.get(session, key)
        if known is not None:
            return dict(known.record["metrics"])
        ticker = Ticker(self._store, self._job.search_id, architecture.hash, rung)
        found = self._backend.quality(architecture, rung, ticker)
        with self._store.session() as session:
            qualities.put(
                session,
                key,
                architecture_hash=architecture.hash,
                recipe_hash=found.recipe_hash,
                data_fingerprint=found.data_fingerprint,
                seed=self._job.seed,
                step=found.step,
                code_version=found.code_version,
                psnr_db=found.psnr_db,
                record={**found.record, "metrics": found.metrics},
                weights=blobs.put(session, found.weights) if found.weights is not None else None,
            )
        return found.metrics


def _foreseen(predictor: "Predictor", architecture: Architecture) -> dict[str, float] | None:
    from nas.evaluate.latency.predictor import NoPredictionError

    try:
        return asdict(predictor.predict(architecture))
    except NoPredictionError as unknown:
        LOG.info("%s is not foreseen: %s", architecture.hash, unknown)
        return None


def _guarded(work: Callable[[], dict[str, Any]]) -> Result:
    """Turn what is wrong with one network into its result; a store that fails ends the search instead."""
    try:
        return Result(work())
    except StoreError:
        raise
    except NasError as error:
        return Result(error=str(error))
    except Exception as error:  # any failure of one network is that network's result, with its reason
        LOG.exception("an evaluation failed")
        return Result(error=f"{type(error).__name__}: {error}")
