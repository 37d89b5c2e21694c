"""What a run's data asks of its settings: those about texts are left out where it is none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rnnx.config.components import Components
from rnnx.config.settings import Baseline, Train
from rnnx.data.corpus import Corpus
from rnnx.data.targets import TargetKind
from rnnx.models.directions import refuse_seen_target
from rnnx.models.evaluation import first_tokens
from rnnx.models.heads import refuse_unfit_head
from rnnx.models.network import Network, configured
from rnnx.training.monitor import Monitor, monitor_of

# Settings about the symbols of a text → the value that does nothing.
OF_TEXTS: Mapping[str, float] = {"input_dropout": 0.0, "crossover": 0.0}


def fitted(
    config: Mapping[str, Any], settings: Train, parts: Components, corpus: Corpus
) -> tuple[Network, Monitor]:
    """The network of a configuration on this corpus, and what is monitored; ConfigError where the
    head does not take its targets, or another setting does not fit it.
    """
    refuse_unfit_head(config["head"]["name"], parts.head, corpus)
    refuse_seen_target(settings.direction, corpus)
    own, kinds = for_task(settings, corpus), (corpus.vocabulary, corpus.features, corpus.targets)
    network = configured(own, parts, *kinds)
    return network, monitor_of(settings.monitor, corpus, network.metrics.metrics)


def for_task(settings: Train, corpus: Corpus) -> Train:
    """The settings that training uses: without those about the symbols of a text elsewhere."""
    return settings if corpus.is_language else replace(settings, **OF_TEXTS)  # type: ignore[arg-type]


def left_out(settings: Train, corpus: Corpus) -> list[str]:
    """What the user should know: which settings say nothing of such targets."""
    if corpus.is_language:
        return []
    keys = [key for key, nothing in OF_TEXTS.items() if getattr(settings, key) != nothing]
    keys += ["baseline"] if settings.baseline is Baseline.always else []
    if not keys:
        return []
    return [f"left out: {', '.join(keys)}, which are about the next symbol of a text"]


def measured_part(settings: Train, corpus: Corpus) -> list[str]:
    """What the user should know: an evaluation reads the first held-out symbols alone."""
    if corpus.val is None:
        return []
    first = first_tokens(corpus.val, settings.eval_tokens)
    if first.tokens == corpus.val.tokens:
        return []
    return [
        f"eval_tokens={settings.eval_tokens}: the held-out loss is that of the first "
        f"{first.tokens:,} of {corpus.val.tokens:,} held-out targets; eval_tokens=0 measures all"
    ]


def starting_loss(settings: Train, corpus: Corpus) -> float:
    """Where the smoothed loss starts: at that of guessing; nan: at the first step's loss."""
    if corpus.targets.kind in (TargetKind.next_symbol, TargetKind.classes):
        return settings.smoothing_start * math.log(corpus.n_y)
    return math.nan
