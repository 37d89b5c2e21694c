"""The update rules of a run: whose parameters they move, and whether they get what they need."""

from __future__ import annotations

from rnnx.config.components import Components
from rnnx.config.settings import Train
from rnnx.contracts.buffers import Parameters
from rnnx.data.corpus import Corpus
from rnnx.errors import ConfigError
from rnnx.registry.attribution import named
from rnnx.registry.updates import UpdateRules


def rules_of(parts: Components, settings: Train, corpus: Corpus, params: Parameters) -> UpdateRules:
    """The rules by which ``params`` are updated, with fresh state.

    ConfigError for a schedule that follows a metric which is never measured.
    """
    owners = {"layer": parts.cell, "block": parts.block, "head": parts.head}
    rules = UpdateRules(parts.clipper, parts.schedule, parts.optimizer, owners, params)
    if not rules.follows_metric or (settings.eval_every and corpus.val is not None):
        return rules
    why = "nothing is held out" if settings.eval_every else "eval_every=0 measures none"
    raise ConfigError(
        f"{named('schedule', parts.schedule)}: it follows the held-out metric, and {why}; choose "
        "another schedule, or have one measured"
    )
