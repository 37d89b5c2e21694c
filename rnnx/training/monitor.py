"""The metric of the held-out part that decides: the best checkpoint, patience, pruning, a sweep."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from rnnx.data.corpus import Corpus
from rnnx.data.metrics import Metric
from rnnx.errors import ConfigError
from rnnx.system.suggestion import did_you_mean

LOSS = "val/loss"  # the default


class Monitor(NamedTuple):
    """A metric of the held-out part, and which of its values are better."""

    metric: str = LOSS  # "val/accuracy"
    higher_is_better: bool = False

    @property
    def is_loss(self) -> bool:
        """Whether it is the held-out loss, as by default."""
        return self.metric == LOSS

    @property
    def best(self) -> str:
        """The name of its best value: ``best/val_accuracy``."""
        return f"best/{self.metric.replace('/', '_')}"

    @property
    def final(self) -> str:
        """The name of its last value among a run's last metrics: ``val_accuracy``."""
        return self.metric.replace("/", "_")

    def cost(self, value: float) -> float:
        """A number that is lower for a better value; nan for nan, which is better than nothing."""
        return -value if self.higher_is_better else value

    def value(self, cost: float) -> float:
        """The value of a cost."""
        return self.cost(cost)

    def fields(self, metrics: Iterable[Metric]) -> dict[str, Any]:
        """What run.json says of it, and of the directions of the head's metrics; nothing of a loss
        alone.
        """
        higher = [one.name for one in metrics if one.higher_is_better]
        if self.is_loss and not higher:
            return {}
        return {"monitor": self.metric, "higher_is_better": higher}


def monitor_of(metric: str, corpus: Corpus, metrics: Iterable[Metric]) -> Monitor:
    """The monitor ``metric``; ConfigError where a run on this corpus does not measure it."""
    known = {LOSS: False}
    if corpus.is_language:
        known["val/bits_per_char"] = False
    known |= {f"val/{one.name}": one.higher_is_better for one in metrics}
    if metric not in known:
        guess = did_you_mean(metric, list(known))
        raise ConfigError(
            f"monitor={metric}: the run measures no such metric of the held-out data; choose from "
            f"{', '.join(known)}{guess}"
        )
    if metric != LOSS and corpus.val is None:
        raise ConfigError(
            f"monitor={metric}: nothing is held out, so it is never measured; hold a part out"
        )
    return Monitor(metric, known[metric])


def monitored(monitor: Monitor, measured: Mapping[str, float]) -> float:
    """The cost of what was measured, by the names of metrics without ``val/``; nan where the metric
    is undefined.
    """
    return monitor.cost(measured.get(monitor.metric.removeprefix("val/"), math.nan))
