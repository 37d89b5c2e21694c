"""What a model card says of a model that predicts classes, values or bits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rnnx.data.targets import TargetKind
from rnnx.models.trained import Model
from rnnx.runs.folder import RunFolder
from rnnx.runs.predictions_file import rounds
from rnnx.system.text import shortened

MOST_SHOWN, LONGEST = 8, 100  # held-out examples; characters of an input


def hub_task(model: Model) -> dict[str, str]:
    """The Hub's task, its identifier and its name."""
    is_text, targets = not model.features, model.targets
    if is_text and targets.kind is TargetKind.classes:
        if targets.per_sequence:
            return {"type": "text-classification", "name": "Text classification"}
        return {"type": "token-classification", "name": "Token classification"}
    if targets.kind is TargetKind.values and not targets.per_sequence:
        return {"type": "time-series-forecasting", "name": "Time series forecasting"}
    return {"type": "other", "name": "Sequence prediction"}


def measures(model: Model, metrics: Mapping[str, float]) -> Iterator[tuple[str, str, float, str]]:
    """Name, words, value and unit of each metric of the head at the last step."""
    for one in model.network.metrics.metrics:
        if (value := metrics.get(f"final/val_{one.name}")) is not None:
            yield one.name, one.words, value, one.unit


def inputs_of(model: Model) -> str:
    """What the model reads, in words."""
    symbols = f"{len(model.vocabulary)} kinds of {model.vocabulary.unit}s"
    names = ", ".join(one.name for one in model.features[:8])
    more = ", …" if len(model.features) > 8 else ""
    features = f"the features {names}{more}"
    both = [symbols] * bool(len(model.vocabulary)) + [features] * bool(model.features)
    return " and ".join(both)


def outputs_of(model: Model) -> str:
    """What the model predicts, in words: ``2 classes a sequence (neg, pos)``."""
    targets = model.targets
    names = [one.name for one in targets.quantities] or list(targets.names)
    return f"{targets.words} ({', '.join(names[:8])}{', …' if len(names) > 8 else ''})"


def predictions_of(folder: RunFolder) -> list[tuple[str, str, str]]:
    """Input, target and prediction of some held-out examples, at the last round."""
    found = rounds(folder.predictions)[-1:]
    return [
        (shortened(one.input, LONGEST), one.target, one.prediction)
        for of in found
        for one in of.shown[:MOST_SHOWN]
    ]
