"""What a tracker shows a person first of a run: data, network, result, and the command."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from rnnx.data.corpus import Examples, Split
from rnnx.data.sequences import Endless, Sequences
from rnnx.runs.fields import own_overrides
from rnnx.runs.folder import RunFolder
from rnnx.runs.saved import kept_parts
from rnnx.system.markdown import code, command

if TYPE_CHECKING:
    from rnnx.training.session import Session


class Best(NamedTuple):
    """The best evaluation of a run."""

    loss: float  # held-out; infinite where there is none yet
    step: int
    cost: float  # of what is monitored, lower is better


def description(session: Session, folder: RunFolder, best: Best) -> str:
    """The description of a run in Markdown."""
    corpus, layers = session.corpus, session.settings.layers
    name = next((part.name for part in kept_parts(folder)), session.config["dataset"]["name"])
    held_out = f"{_size(corpus.val)} held out" if corpus.val else "nothing held out"
    units = f"{session.components.cell.hidden_size} units"
    network = f"{layers} layer{'s' * (layers > 1)} of {units}, {session.params.size:,} parameters"
    lines = [
        f"- **Data** {code(name)}, {_size(corpus.train)}; {held_out}",
        f"- **Network** {code(session.config['cell']['name'])}, {network}",
    ]
    if math.isfinite(best.loss):
        lines.append(f"- {_result(session, best)}, after step {best.step:,} of {session.steps:,}")
    typed = own_overrides(folder.read())
    return "\n".join(lines) + f"\n\n{command(['rnnx', 'train', *typed])}"


def _result(session: Session, best: Best) -> str:
    """The best of what is monitored, and beside another metric the loss of that step."""
    monitor, loss = session.monitor, f"{best.loss:.4f}"
    if monitor.is_loss:
        return f"**Best held-out loss {loss}** {session.loss_unit}"
    value = f"{monitor.value(best.cost):.4g}"
    return f"**Best {monitor.metric} {value}**, with held-out loss {loss} {session.loss_unit}"


def _size(split: Split) -> str:
    if isinstance(split, Examples):
        return f"{len(split):,} examples of {split.tokens:,} symbols"
    if isinstance(split, Sequences):
        return f"{len(split):,} sequences of {split.steps:,} steps, {split.tokens:,} targets"
    if isinstance(split, Endless):
        return "sequences without end"
    return f"{split.tokens:,} symbols"
