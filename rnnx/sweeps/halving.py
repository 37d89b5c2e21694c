"""Successive halving without waiting (ASHA): the better part of the jobs goes on at each rung.

A rung is a number of updates: ``min_steps``, then ``factor`` times as many, and so on. A job that
reaches one writes its held-out loss into the sweep's folder,

    rungs/<updates>/<hash of the job's configuration>.json

and goes on if it is among the best 1/``factor`` of those that have reached it, or the best of all.
Jobs wait for none: the first ones at a rung have few to be compared with. The folder is all that
jobs share, so that this works wherever they run (Li et al. 2018, arXiv:1810.05934, in the form
in which jobs are stopped).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rnnx.config.resolved import ResolvedConfig
from rnnx.contracts.ranges import require
from rnnx.contracts.trackers import is_number
from rnnx.errors import ConfigError
from rnnx.runs.sweep_folder import Sweep
from rnnx.system.files import read_json, write_json

NAME = "asha"
SETTINGS = ("pruner", "min_steps", "factor")  # of hydra.sweeper


def validate_halving(settings: Mapping[str, Any]) -> None:
    """ConfigError for a setting out of its range."""
    first, factor = settings["min_steps"], settings["factor"]
    is_first = first is None or (type(first) is int and first >= 1)
    require(is_first, "hydra.sweeper.min_steps", "null or a whole number of at least 1", first)
    is_factor = type(factor) is int and factor >= 2
    require(is_factor, "hydra.sweeper.factor", "a whole number of at least 2", factor)


def refuse_no_rungs(settings: Mapping[str, Any], configs: Sequence[ResolvedConfig]) -> None:
    """ConfigError where jobs would end before the first rung, or report nothing."""
    if settings.get("pruner") != NAME:
        return
    for config in configs:
        every, steps = config.settings.eval_every, config.settings.steps
        first = settings["min_steps"] or every
        if not 0 < max(first, every) < steps or every == 0:
            raise ConfigError(
                f"hydra.sweeper.pruner={NAME}: jobs of steps={steps} with eval_every={every} are "
                f"measured at no rung before their end; give hydra.sweeper.min_steps and "
                f"eval_every below {steps}"
            )


def begin_halving(sweep: Sweep, settings: Mapping[str, Any], eval_every: int) -> None:
    """Let the jobs know their pruner; the first rung is by default the first evaluation."""
    first = settings["min_steps"] or eval_every
    sweep.write({"pruner": settings["pruner"], "min_steps": first, "factor": settings["factor"]})


def halving_rule(sweep: Sweep, job: str) -> Callable[[int, float], bool]:
    """Whether a job ends early, by step and held-out loss; ``job`` names it in the folder."""
    known = sweep.read()
    first, factor = max(1, known["min_steps"]), max(2, known["factor"])

    def should_prune(step: int, loss: float) -> bool:
        reached = rung(step, first, factor)
        if not reached:
            return False
        folder = sweep.path / "rungs" / str(reached)
        own = folder / f"{job}.json"
        if own.is_file():  # it went on from there, in this process or in one that was stopped
            return False
        folder.mkdir(parents=True, exist_ok=True)
        write_json(own, {"step": step, "loss": loss if math.isfinite(loss) else None})
        return not goes_on(loss, _losses(folder), factor)

    return should_prune


def rung(step: int, first: int, factor: int) -> int:
    """The last rung at or below ``step``; 0 before the first one."""
    reached = 0
    while (following := reached * factor or first) <= step:
        reached = following
    return reached


def goes_on(loss: float, losses: Sequence[float], factor: int) -> bool:
    """Whether ``loss`` is among the best of ``losses``, which include it."""
    kept = max(1, len(losses) // factor)
    return math.isfinite(loss) and loss <= sorted(losses)[kept - 1]


def _losses(folder: Path) -> list[float]:
    found: list[Any] = [read_json(path).get("loss") for path in folder.glob("*.json")]
    return [float(loss) if is_number(loss) else math.inf for loss in found]
