"""What a model card says of a model that predicts classes, values or bits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from rnnx.data.targets import TargetKind
from rnnx.models.trained import Model
from rnnx.runs.predictions_file import Round
from rnnx.system.text import printable, shortened

MOST_SHOWN, LONGEST = 8, 100  # held-out examples; characters of an input
MOST_NAMES = 8  # of features or targets


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


def measures(model: Model, held_out: Mapping[str, float]) -> Iterator[tuple[str, str, float, str]]:
    """Name, words, value and unit of each metric of the head, of values by name."""
    for one in model.network.metrics.metrics:
        if (value := held_out.get(one.name)) is not None and math.isfinite(value):
            yield one.name, one.words, value, one.unit


def inputs_of(model: Model) -> str:
    """What the model reads, in words."""
    symbols = f"{len(model.vocabulary)} kinds of {model.vocabulary.unit}s"
    names = ", ".join(one.name for one in model.features[:MOST_NAMES])
    more = ", …" if len(model.features) > MOST_NAMES else ""
    features = f"the features {names}{more}"
    both = [symbols] * bool(len(model.vocabulary)) + [features] * bool(model.features)
    return " and ".join(both)


def example_of(model: Model) -> list[str]:
    """Lines of Python that predict with ``model``, as they stand."""
    vocabulary, lines, given = model.vocabulary, [], []
    steps = "10"
    if len(vocabulary):
        text = vocabulary.separator.join(vocabulary.symbols[:3])
        lines, given = [f"texts = [{text!a}]"], ["texts"]
        steps = str(len(vocabulary.split(text)))
    if names := [one.name for one in model.features]:
        more = ", …" if len(names) > MOST_NAMES else ""
        columns = printable(", ".join(names[:MOST_NAMES]) + more)
        array = f"np.zeros(({steps}, {len(names)}))"
        lines.append(f"arrays = [{array}]  # a row a step; the columns: {columns}")
        given.append("arrays")
    return [*lines, f"print(model.predict({', '.join(given)}))"]


def outputs_of(model: Model) -> str:
    """What the model predicts, in words: ``2 classes a sequence (neg, pos)``."""
    targets = model.targets
    names = [one.name for one in targets.quantities] or list(targets.names)
    more = ", …" if len(names) > MOST_NAMES else ""
    return f"{targets.words} ({', '.join(names[:MOST_NAMES])}{more})"


def shown_predictions(found: Round | None) -> list[tuple[str, str, str]]:
    """Input, target and prediction of some held-out examples of a round."""
    return [
        (shortened(one.input, LONGEST), one.target, one.prediction)
        for one in (found.shown if found else [])[:MOST_SHOWN]
    ]
