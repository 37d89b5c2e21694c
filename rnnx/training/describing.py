"""What a tracker shows a person first of a run: data, network, result, and the command."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rnnx.data.corpus import Examples, Split
from rnnx.data.sequences import Endless, Sequences
from rnnx.runs.fields import own_overrides
from rnnx.runs.folder import RunFolder
from rnnx.runs.saved import kept_parts
from rnnx.system.markdown import code, command

if TYPE_CHECKING:
    from rnnx.training.session import Session


def description(session: Session, folder: RunFolder, best_loss: float, best_step: int) -> str:
    """The description of a run in Markdown; ``best_loss`` is infinite where there is none yet."""
    corpus, layers = session.corpus, session.settings.layers
    name = next((part.name for part in kept_parts(folder)), session.config["dataset"]["name"])
    held_out = f"{_size(corpus.val)} held out" if corpus.val else "nothing held out"
    units = f"{session.components.cell.hidden_size} units"
    network = f"{layers} layer{'s' * (layers > 1)} of {units}, {session.params.size:,} parameters"
    lines = [
        f"- **Data** {code(name)}, {_size(corpus.train)}; {held_out}",
        f"- **Network** {code(session.config['cell']['name'])}, {network}",
    ]
    if math.isfinite(best_loss):
        when = f"after step {best_step:,} of {session.steps:,}"
        lines.append(f"- **Best held-out loss {best_loss:.4f}** {session.loss_unit}, {when}")
    typed = own_overrides(folder.read())
    return "\n".join(lines) + f"\n\n{command(['rnnx', 'train', *typed])}"


def _size(split: Split) -> str:
    if isinstance(split, Examples):
        return f"{len(split):,} examples of {split.tokens:,} symbols"
    if isinstance(split, Sequences):
        return f"{len(split):,} sequences of {split.steps:,} steps, {split.tokens:,} targets"
    if isinstance(split, Endless):
        return "sequences without end"
    return f"{split.tokens:,} symbols"
