"""Figures for Prometheus: requests by route, and what the store holds when it is asked."""

from collections.abc import Iterator
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.services import figures
from nas.store import Store


class Metrics:
    """The registry of one app, so that several apps in a process do not count into each other.

    Args:
        store: Where the numbers of searches and workers are read, at each scrape.
    """

    def __init__(self, store: Store) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_StoreCollector(store))
        labels = ("method", "route", "status")
        self.requests = Counter("nas_http_requests", "Requests answered.", labels, registry=self.registry)
        self.seconds = Histogram(
            "nas_http_request_seconds", "Time to the end of an answer.", labels[:2], registry=self.registry
        )


class Count:
    """ASGI middleware that counts and times every request by the template of its route."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            self._metrics.requests.labels(scope["method"], route, status).inc()
            self._metrics.seconds.labels(scope["method"], route).observe(perf_counter() - start)


class _StoreCollector(Collector):
    def __init__(self, store: Store) -> None:
        self._store = store

    def describe(self) -> Iterator[Metric]:
        """Nothing: a registration must not ask the database."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        with self._store.reading() as session:
            searches, workers = figures.searches_by_status(session), figures.live_workers(session)
        gauge = GaugeMetricFamily("nas_searches", "Searches in the store.", labels=["status"])
        for status, count in searches.items():
            gauge.add_metric([status], count)
        yield gauge
        yield GaugeMetricFamily("nas_workers", "Workers seen in the last minute.", value=workers)
