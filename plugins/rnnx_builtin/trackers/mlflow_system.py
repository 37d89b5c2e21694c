"""CPU, memory, disk and network of the machine, measured by MLflow's own monitors.

A sample goes along with the points that are sent anyway, so nothing waits for it and a store that
does not answer is asked for nothing more. MLflow shows these metrics on a page of their own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from rnnx.contracts.trackers import Point

PREFIX = "system/"
NEEDS = "tracker.system_metrics=true: psutil is not installed; pip install psutil"
INTERVAL = 5.0  # seconds between two samples, at least
OLDEST = 15.0  # seconds: older points are sent again, by another process or to another store


def has_psutil() -> bool:
    return find_spec("psutil") is not None


class SystemMetrics:
    """Samples of the machine on which a run trains."""

    def __init__(self) -> None:
        from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
        from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
        from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

        self._monitors = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
        self._sampled = -INTERVAL
        self.sample()  # the use of the CPU is that since the sample before

    def sample(self) -> dict[str, float]:
        """The values since the last sample, by metric."""
        found: dict[str, float] = {}
        for monitor in self._monitors:
            monitor.collect_metrics()
            found |= {PREFIX + key: value for key, value in monitor.aggregate_metrics().items()}
            monitor.clear_metrics()
        return found

    def metrics(self, points: Sequence[Point]) -> list[Any]:
        """A sample as MLflow's metrics at the step of the newest point, where one is due."""
        from mlflow.entities import Metric

        now = time.time()
        newest = max(points, key=lambda point: point.timestamp, default=None)
        is_now = newest is not None and now - newest.timestamp / 1000 < OLDEST
        if newest is None or not is_now or time.monotonic() - self._sampled < INTERVAL:
            return []
        self._sampled = time.monotonic()
        return [
            Metric(key, value, int(now * 1000), newest.step) for key, value in self.sample().items()
        ]
