"""One search from claim to end: puts the request, the store and Ray's actors around the engine."""

import logging
import threading
from dataclasses import dataclass
from pathlib import Path

from nas.errors import LeaseLostError, NasError, RequestError, StoreUnavailableError
from nas.evaluate.quality.recipes import Recipe, load_recipe
from nas.language import Space, load_architecture, system_document, system_names
from nas.requests import CheckedRequest, check, parse
from nas.scoring import Edition, load_edition
from nas.search.engine import Engine
from nas.search.problem import Problem, References
from nas.search.records import Stopped
from nas.store import Search, Store, datasets, events, searches
from nas.store.searches import End
from workers import fidelity
from workers.cluster import Team
from workers.heartbeat import Heartbeat
from workers.jobs import Job
from workers.journal import StoreJournal
from workers.pool import Pool

LOG = logging.getLogger(__name__)
ENDS: dict[str, End] = {"cancel": "cancelled", "pause": "paused"}


@dataclass(frozen=True)
class Settings:
    """How a worker works.

    Args:
        database: URL of the store.
        backend: ``module:factory`` of what measures and trains.
        lease_s: How long a search stays claimed after the last sign of life.
        scratch: Folder for checkpoints of trainings in progress.
    """

    database: str
    backend: str
    lease_s: float
    scratch: Path


class Coordinator:
    """Conducts searches, one at a time.

    Args:
        store: The store.
        settings: How.
        stopping: Set when the worker shall put its work down.
    """

    def __init__(self, store: Store, settings: Settings, stopping: threading.Event) -> None:
        self._store, self._settings, self._stopping = store, settings, stopping

    @property
    def lease_s(self) -> float:
        """For how long a search is claimed."""
        return self._settings.lease_s

    def conduct(self, search: Search) -> None:
        """Work on a claimed search until it ends, is stopped, or is lost to another worker.

        Raises:
            StoreUnavailableError: The database is away; whoever claims the search next goes on with it.
        """
        LOG.info("search %s begins", search.id)
        try:
            with Heartbeat(self._store, search.claim, self._settings.lease_s, self._stopping) as heartbeat:
                reason = self._run(search, heartbeat)
                fidelity.conclude(self._store, search.id)
            self._end(search, "done", note=reason)
        except Stopped as stopped:
            self._stop(search, stopped.wish)
        except LeaseLostError as lost:
            LOG.warning("%s", lost)
        except StoreUnavailableError:
            # Nothing is wrong with the search: it goes on once the database is back and the lease has run out.
            raise
        except NasError as error:
            LOG.warning("search %s failed: %s", search.id, error)
            self._end(search, "failed", error=str(error))
        except Exception as error:
            # A search that breaks its worker would break every worker that claims it next.
            LOG.exception("search %s broke", search.id)
            self._end(search, "failed", error=f"The service broke: {type(error).__name__}: {error}")

    def _run(self, search: Search, heartbeat: Heartbeat) -> str:
        checked = check(parse(search.request))
        recipe = load_recipe(checked.request.recipe)
        recipe.check_search()
        problem = Problem.of(
            checked, references(checked.space, load_edition()), rungs=len(recipe.rungs), eta=recipe.eta
        )
        team = Team(self._job(search, checked, problem, recipe))
        try:
            journal = StoreJournal(self._store, search.claim, heartbeat.check)
            pool = Pool(team, heartbeat.check)
            return Engine(problem, pool, journal, pool.forecasts if checked.request.prefilter else None).run()
        finally:
            team.dismiss()

    def _job(self, search: Search, checked: CheckedRequest, problem: Problem, recipe: Recipe) -> Job:
        with self._store.reading() as session:
            data = datasets.resolve(session, checked.request.data)
        return Job(
            database=self._settings.database,
            search_id=search.id,
            recipe=recipe.model_dump(mode="json"),
            data=str(data),
            seed=problem.seed,
            device=checked.request.device,
            scale=problem.space.scale,
            baseline=problem.references.baseline.to_dict(),
            rungs=recipe.rungs,
            scratch=str(self._settings.scratch),
            backend=self._settings.backend,
        )

    def _stop(self, search: Search, wish: str) -> None:
        LOG.info("search %s stops: %s", search.id, wish)
        if wish in ENDS:
            self._end(search, ENDS[wish])
            return
        with self._store.session() as session:
            searches.release(session, search.claim)

    def _end(self, search: Search, status: End, *, error: str = "", note: str = "") -> None:
        try:
            with self._store.session() as session:
                if note:
                    events.append(session, search.id, "note", {"text": f"Ended because {note}."})
                searches.finish(session, search.claim, status, error=error)
        except LeaseLostError as lost:
            LOG.warning("%s", lost)


def references(space: Space, edition: Edition) -> References:
    """Return the baseline of an edition and the published systems of the space's scale, the best first.

    Raises:
        RequestError: The baseline enlarges by another factor.
    """
    name = edition.baseline.system
    documents = {other: system_document(other) for other in system_names()}
    baseline = load_architecture(documents[name])
    if baseline.scale != space.scale:
        raise RequestError(
            f"The space enlarges by {space.scale}, but {name}, the baseline of {edition.name}, by {baseline.scale}; "
            f"set scale: {baseline.scale}."
        )
    ranked = sorted(documents, key=lambda other: documents[other].get("rank") or len(documents))
    others = {other: load_architecture(documents[other]) for other in ranked if other != name}
    return References(baseline, edition, {name: found for name, found in others.items() if found.scale == space.scale})
