"""``rnnx sample`` and ``rnnx evaluate``: what can be done with a trained model."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rnnx.config.components import component_from, settings_from
from rnnx.config.overrides import parse
from rnnx.data.yardsticks import beside
from rnnx.errors import ConfigError
from rnnx.models.evaluation import Evaluation
from rnnx.models.load import find_model
from rnnx.models.trained import Model
from rnnx.system.text import printable

PROGRESS_INTERVAL = 3.0  # seconds
LARGEST_EXPONENT = 700  # of math.exp, in whole hundreds
ROWS = 10  # lengths or ages that are printed, of all that are measured


def sample(
    run: str,
    count: int,
    prompt: str,
    sampler: str | None,
    fields: Sequence[str],
    length: int | None,
    seed: int,
    ngram: float = 0.0,
) -> list[str]:
    """New texts from the model of ``run``; ``fields`` are ``key=value`` of the sampler."""
    model = find(run)
    own = dict(model.config["sampler"])
    chosen = own if sampler in (None, own["name"]) else {"name": sampler}
    for text in fields:
        key, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"--set {text}: is not of the form FIELD=VALUE, as in p=0.8")
        chosen[key] = value
    component_from("sampler", chosen)
    watch = _Progress().tell
    return model.sample(count, prompt, chosen, seed, length, watch=watch, ngram=ngram)


class _Progress:
    """Says on stderr every few seconds how long the texts are: without it a long one looks hung."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def tell(self, symbols: int) -> None:
        if time.monotonic() - self._told >= PROGRESS_INTERVAL:
            self._told = time.monotonic()
            print(f"rnnx: {symbols:,} symbols so far; Ctrl-C stops", file=sys.stderr)


def evaluate(run: str, overrides: Sequence[str], ngram: float = 0.0) -> Iterator[tuple[str, str]]:
    """The loss of ``run`` on its held-out data, or on all of the data that overrides name."""
    model = find(run)
    dataset, tokens = _data(model.config, overrides)
    is_other = dataset != model.config["dataset"]
    found = model.evaluate(dataset if is_other else None, tokens, ngram)
    what = "all of the data" if is_other else "held-out data"
    counted = "symbols" if model.is_language else "targets"
    yield "measured on", f"{what}, {found.tokens:,} {counted}"
    unit, loss = model.vocabulary.unit, found.loss
    yield "loss", f"{loss:.4f} {found.unit}{beside(found.levels, 'loss')}"
    if not model.is_language:
        yield from _of_head(model, found)
        return
    yield f"bits a {unit}", f"{loss / math.log(2):.4f}"
    yield "perplexity", f"{math.exp(loss) if loss < LARGEST_EXPONENT else math.inf:.3f}"
    if found.ngram_loss is not None:
        yield "n-grams alone", f"{found.ngram_loss:.4f} nats a {unit}"
        yield f"network + n-grams of weight {ngram:g}", f"{found.mixed_loss:.4f} nats a {unit}"


def _of_head(model: Model, found: Evaluation) -> Iterator[tuple[str, str]]:
    """The metrics of the head, then the first one by length and by age, where the data has them."""
    metrics = model.network.metrics.metrics
    for one in metrics:
        if one.name in found.metrics:
            told = f"{found.metrics[one.name]:.4g} {one.unit}".strip()
            yield one.words, told + beside(found.levels, one.name)
    for what in ("length", "age"):
        for one in metrics[:1]:
            profile = found.profiles.get(f"by_{what}/{one.name}", ())
            for place, value in profile[:: -(-len(profile) // ROWS) or 1]:
                yield f"{one.words}, {what} {place}", f"{value:.4g} {one.unit}".strip()


def find(run: str) -> Model:
    """The model of ``run``; a line on stderr where other code computes with it now."""
    model = find_model(run)
    if model.changed_code:
        print(
            f"rnnx: {run}: {printable(model.changed_code)} since it was trained; "
            "it may compute something else",
            file=sys.stderr,
        )
    return model


def _data(config: Mapping[str, Any], overrides: Sequence[str]) -> tuple[dict[str, Any], int]:
    """The data set to measure on, and how many of its held-out symbols at the most."""
    dataset, tokens = dict(config["dataset"]), config["eval_tokens"]
    parsed = parse(overrides)
    parsed.refuse_sweeps()
    for override in parsed:
        key, value = override.key_or_group, override.value()
        if key == "dataset":
            dataset = {"name": value}
        elif key.startswith("dataset."):
            *path, last = key.removeprefix("dataset.").split(".")
            within = dataset
            for name in path:
                within[name] = dict(within.get(name, {}))  # the run's own stays as it is
                within = within[name]
            within[last] = value
        elif key == "eval_tokens":
            tokens = value
        else:
            raise ConfigError(
                f"{override.input_line}: evaluate takes dataset=…, dataset.FIELD=… and "
                "eval_tokens=…; all else is the run's own"
            )
    return dataset, settings_from({**config, "eval_tokens": tokens}).eval_tokens
