"""Which head fits which targets, and what its loss is called."""

from __future__ import annotations

from typing import Any

from rnnx.contracts.target_heads import TargetHead
from rnnx.data.corpus import Corpus
from rnnx.data.targets import TargetKind, Targets
from rnnx.data.vocabulary import Vocabulary
from rnnx.errors import ConfigError
from rnnx.registry.attribution import attributing
from rnnx.registry.manager import registry

NATS = "nats"


def unit_of_loss(head: Any, targets: Targets, vocabulary: Vocabulary) -> str:
    """The unit of a mean loss: ``nats a character``, ``nats a sequence``, ``absolute error``."""
    unit = head.loss_unit if isinstance(head, TargetHead) else NATS
    is_language = targets.kind is TargetKind.next_symbol
    return f"{unit} a {vocabulary.unit if is_language else targets.unit}"


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
