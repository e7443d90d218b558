"""The search's evaluator: hands architectures to actors and results back as they come."""

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nas.errors import MeasurementError
from nas.language import Architecture
from nas.search.records import Forecast, Result, Results
from workers.cluster import Team

LOG = logging.getLogger(__name__)
POLL_S = 0.2
FORGET_S = 5.0
MOST_DEATHS = 2
"""Actors that one architecture may cost before it is given up."""

Call = Callable[[Any, int], Any]
"""Starts the evaluation of one position on an actor; returns Ray's reference to its result."""


class Pool:
    """See ``nas.search.records.Evaluator``.

    Args:
        team: The actors.
        check: Called while waiting; raises when the search has to stop.
    """

    def __init__(self, team: Team, check: Callable[[], None]) -> None:
        self._team, self._check = team, check

    def facts(self) -> Mapping[str, Any]:
        """Describe what stands behind the numbers.

        Raises:
            MeasurementError: The backend cannot be made.
        """
        for _, result in self._all(self._team.latency, 1, lambda actor, _: actor.facts.remote(), training=False):
            if result.error:
                raise MeasurementError(result.error)
            return result.metrics
        return {}

    def latencies(self, architectures: Sequence[Architecture]) -> Results:
        """Measure one after the other, while nothing trains."""
        documents = [architecture.to_dict() for architecture in architectures]
        call: Call = lambda actor, index: actor.latency.remote(documents[index])  # noqa: E731
        return self._all(self._team.latency, len(documents), call, training=False)

    def qualities(self, architectures: Sequence[Architecture], rung: int) -> Results:
        """Train side by side."""
        documents = [architecture.to_dict() for architecture in architectures]
        call: Call = lambda actor, index: actor.quality.remote(documents[index], rung)  # noqa: E731
        return self._all(self._team.trainers, len(documents), call, training=True)

    def forecasts(self, architectures: Sequence[Architecture]) -> Sequence[Forecast | None]:
        """Foresee latencies from what the store holds; see ``nas.search.records.Forecaster``."""
        documents = [architecture.to_dict() for architecture in architectures]
        call: Call = lambda actor, _: actor.forecasts.remote(documents)  # noqa: E731
        for _, result in self._all(self._team.latency, 1, call, training=False):
            if not result.error:
                return [Forecast(**found) if found else None for found in result.metrics["forecasts"]]
            LOG.warning("no latency is foreseen: %s", result.error)
        return [None] * len(documents)

    def decided(self, architectures: Sequence[Architecture]) -> None:
        """Let all machines drop their checkpoints of these."""
        import ray

        documents = [architecture.to_dict() for architecture in architectures]
        told = [actor.forget.remote(documents) for actor in self._team.trainers]
        ray.wait(told, num_returns=len(told), timeout=FORGET_S)

    def _all(self, actors: list[Any], count: int, call: Call, *, training: bool) -> Results:
        """Yield the results of ``count`` calls as they come, one call at a time on each actor."""
        import ray
        from ray.exceptions import RayActorError, RayTaskError

        waiting, idle = deque(range(count)), deque(range(len(actors)))
        ready: deque[tuple[int, Result]] = deque()
        deaths: dict[int, int] = {}
        running: dict[Any, tuple[int, int]] = {}
        while waiting or running or ready:
            # While one result is dealt with, the next training runs; but nothing shall disturb a measurement.
            while waiting and idle and (training or not ready):
                place, index = idle.popleft(), waiting.popleft()
                running[call(actors[place], index)] = (place, index)
            if ready:
                yield ready.popleft()
                continue
            done, _ = ray.wait(list(running), timeout=POLL_S)
            self._check()
            for reference in done:
                place, index = running.pop(reference)
                idle.append(place)
                try:
                    ready.append((index, ray.get(reference)))
                except RayTaskError as error:  # the store's; its own words say more than a trace through Ray
                    raise error.cause from None
                except RayActorError as error:
                    actors[place] = self._team.another(training=training)
                    deaths[index] = deaths.get(index, 0) + 1
                    if deaths[index] < MOST_DEATHS:
                        waiting.append(index)
                    else:
                        reason = f"Its process died {MOST_DEATHS} times: {_first_line(error)}"
                        ready.append((index, Result(error=reason)))


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
