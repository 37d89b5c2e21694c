"""What the data says of its own metrics: levels to compare with, and when the task is solved."""

from __future__ import annotations

from collections.abc import Mapping

from rnnx.data.metrics import Metric
from rnnx.data.yardsticks import Level
from rnnx.models.heads import known_levels
from rnnx.training.progress import Progress
from rnnx.training.session import Session


def levels(session: Session) -> tuple[Level, ...]:
    """The levels of the metrics that this run measures."""
    names = [metric.name for metric in session.network.metrics.metrics]
    return known_levels(session.corpus.levels, names, session.components.head)


def judge(session: Session, progress: Progress, measured: Mapping[str, float]) -> str:
    """Take note whether an evaluation met the data's criterion; a sentence if it is solved now."""
    criterion = session.corpus.criterion
    if criterion is None or criterion.metric not in measured:
        return ""
    metrics = {metric.name: metric for metric in session.network.metrics.metrics}
    metric = metrics.get(criterion.metric, Metric("loss", session.loss_unit, False, "loss"))
    is_met = criterion.is_met(measured[criterion.metric], metric.higher_is_better)
    if not progress.judged(is_met, session.steps, criterion.evaluations):
        return ""
    sign = "≥" if metric.higher_is_better else "≤"
    often = f" in {criterion.evaluations} evaluations" if criterion.evaluations > 1 else ""
    goal = f"held-out {metric.words} {sign} {criterion.bound:.4g}{often}"
    return f"solved at step {progress.solved_at}: {goal}"
