"""Which head fits which targets, and what its loss is called."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from rnnx.contracts.target_heads import TargetHead
from rnnx.data.corpus import Corpus
from rnnx.data.targets import TargetKind, Targets
from rnnx.data.vocabulary import Vocabulary
from rnnx.data.yardsticks import Level
from rnnx.errors import ConfigError
from rnnx.registry.attribution import attributing
from rnnx.registry.manager import registry

NATS = "nats"


def unit_of_loss(head: Any, targets: Targets, vocabulary: Vocabulary) -> str:
    """The unit of a mean loss: ``nats a character``, ``nats a sequence``, ``absolute error``."""
    unit = head.loss_unit if isinstance(head, TargetHead) else NATS
    is_language = targets.kind is TargetKind.next_symbol
    return f"{unit} a {vocabulary.unit if is_language else targets.unit}"


def known_levels(levels: Iterable[Level], metrics: Collection[str], head: Any) -> tuple[Level, ...]:
    """The levels of metrics that are measured with this head; those of a loss are in nats."""
    is_nats = not isinstance(head, TargetHead) or head.loss_unit == NATS
    measured = {*metrics, *(["loss"] if is_nats else [])}
    return tuple(level for level in levels if level.metric in measured)


def takes(head: Any, targets: Targets, has_weights: bool) -> bool:
    """Whether a head can learn such targets, of which some may count more than others."""
    if isinstance(head, TargetHead):
        with attributing():
            can_write = targets.kind is not TargetKind.next_symbol or hasattr(head, "logits")
            return can_write and bool(head.takes(targets))
    return targets.are_ids and not targets.per_sequence and not has_weights


def refuse_unfit_head(name: str, head: Any, corpus: Corpus) -> None:
    """ConfigError, which names the heads that would fit, where ``head`` takes other targets."""
    targets, weighted = corpus.targets, corpus.has_weights
    if takes(head, targets, weighted):
        return
    fitting = [other for other in registry().names("head") if _may_take(other, targets, weighted)]
    more = ", some of which count more than others" if weighted else ""
    advice = f"choose head={' or head='.join(fitting)}" if fitting else "no installed head does"
    raise ConfigError(f"head={name}: does not take {targets.words}{more}; {advice}")


def _may_take(name: str, targets: Targets, weighted: bool) -> bool:
    """Whether the head of this name, with its defaults, takes them."""
    try:
        return takes(registry().get("head", name).component(), targets, weighted)
    except Exception:  # it has a field without a default, or is broken: another one is named
        return False
