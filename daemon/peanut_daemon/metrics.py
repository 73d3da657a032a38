"""Figures for Prometheus: counters and lengths, no names of clips or people.

Always counted, since that costs nothing; only served where the setting `metrics_port` asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    start_http_server,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from peanut_daemon.errors import InvalidRequestError

LOOPBACK = "127.0.0.1"

# From a click on a proxy to a window of 4K frames through a network on a CPU.
SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFigures:
    """One worker now: number, device, whether it is up and busy, restarts, bytes of its models."""

    number: int
    device: str
    up: bool
    busy: bool
    restarts: int
    model_bytes: int


class Metrics:
    """All figures of one daemon."""

    def __init__(self) -> None:
        disable_created_metrics()  # a line more for each figure, and nobody draws them
        self.registry = registry = CollectorRegistry()
        self._waited = Histogram(
            "peanut_wait_seconds",
            "From being asked for to the first turn.",
            ["lane"],
            buckets=SECONDS,
            registry=registry,
        )
        self._pieces = Histogram(
            "peanut_piece_seconds",
            "From a turn to its end, as the daemon sees it.",
            ["kind"],
            buckets=SECONDS,
            registry=registry,
        )
        self._steps = Counter(
            "peanut_step_seconds", "Work of renders by step.", ["step"], registry=registry
        )
        self._jobs = Counter("peanut_jobs", "Renders that ended.", ["state"], registry=registry)
        self._refused = Counter(
            "peanut_refused_calls", "Calls that were refused.", ["reason"], registry=registry
        )
        self._deaths = Counter(
            "peanut_worker_deaths", "Workers that died at work.", registry=registry
        )

    def waited(self, lane: str, seconds: float) -> None:
        """Something had its first turn."""
        self._waited.labels(lane).observe(seconds)

    def piece_ended(self, kind: str, seconds: float) -> None:
        """A worker is done with a piece."""
        self._pieces.labels(kind).observe(seconds)

    def worked(self, seconds: Mapping[str, float]) -> None:
        """Where the time of a piece went, by step."""
        for step, spent in seconds.items():
            self._steps.labels(step).inc(spent)

    def job_ended(self, state: str) -> None:
        """A render came to an end."""
        self._jobs.labels(state).inc()

    def refused(self, reason: str) -> None:
        """A call was answered with an error."""
        self._refused.labels(reason).inc()

    def worker_died(self) -> None:
        """A worker died while it had work."""
        self._deaths.inc()

    def look_at(
        self, lanes: Mapping[str, Callable[[], int]], workers: Callable[[], Sequence[WorkerFigures]]
    ) -> None:
        """Ask these for lengths and workers whenever somebody looks."""
        waiting = Gauge(
            "peanut_queue_length",
            "Tasks or renders that wait or run.",
            ["lane"],
            registry=self.registry,
        )
        for lane, length in lanes.items():
            waiting.labels(lane).set_function(length)
        self.registry.register(_Workers(workers))

    def serve(self, port: int) -> Callable[[], None]:
        """Answer on that port of this machine; returns what ends that.

        Raises:
            InvalidRequestError: the port is taken.
        """
        try:
            server, thread = start_http_server(port, addr=LOOPBACK, registry=self.registry)
        except OSError as error:
            raise InvalidRequestError(
                f"setting metrics_port is {port}, which cannot be listened on "
                f"({error.strerror}): choose another port, or 0 for no metrics"
            ) from error

        def close() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return close


class _Workers(Collector):
    def __init__(self, workers: Callable[[], Sequence[WorkerFigures]]) -> None:
        self._workers = workers

    def describe(self) -> Sequence[GaugeMetricFamily]:
        # Without this, the registry would ask for figures to learn their names.
        return []

    def collect(self) -> Sequence[GaugeMetricFamily]:
        labels = ["worker", "device"]
        families = {
            "up": GaugeMetricFamily("peanut_worker_up", "1: the process is there.", labels=labels),
            "busy": GaugeMetricFamily("peanut_worker_busy", "1: it has work.", labels=labels),
            "restarts": GaugeMetricFamily(
                "peanut_worker_restarts", "Restarts of the process.", labels=labels
            ),
            "model_bytes": GaugeMetricFamily(
                "peanut_worker_model_bytes", "Weights in its memory.", labels=labels
            ),
        }
        for worker in self._workers():
            for name, family in families.items():
                family.add_metric([str(worker.number), worker.device], getattr(worker, name))
        return list(families.values())
