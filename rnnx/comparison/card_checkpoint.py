"""What a model card tells of its checkpoint: what was measured, drawn and predicted at its step.

A run's last metrics and samples are those of its last parameters; the best checkpoint may be an
earlier one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from rnnx.contracts.trackers import Point

History = Mapping[str, Sequence[Point]]  # metric → its points


class _Round(Protocol):
    @property
    def step(self) -> int | None: ...  # None: unknown
    @property
    def is_final(self) -> bool: ...


Round = TypeVar("Round", bound=_Round)


def held_out_at(history: History, step: int) -> dict[str, float]:
    """The metrics of the held-out part after ``step``, by name: ``loss``, ``accuracy``.

    A last step without a round of its own has its values below ``final/`` alone.
    """
    return _at(history, "final/val_", step) | _at(history, "val/", step)


def shares_of(history: History, found: _Round | None) -> dict[str, float]:
    """The fractions of a round of samples, ``new`` and ``distinct``."""
    if found is None:
        return {}
    of_round = _at(history, "final/" if found.is_final else "samples/", found.step)
    return {name: of_round[name] for name in ("new", "distinct") if name in of_round}


def _at(history: History, prefix: str, step: int | None) -> dict[str, float]:
    return {
        key.removeprefix(prefix): point.value
        for key, points in history.items()
        if key.startswith(prefix)
        for point in points
        if point.step == step
    }


def round_at(rounds: Sequence[Round], step: int) -> Round | None:
    """The last round of samples or predictions at this step, else the last one of all."""
    own = [one for one in rounds if one.step == step]
    return (own or rounds)[-1] if rounds else None


def other_step(found: _Round | None, step: int) -> str:
    """Where a round is not the checkpoint's, of which step it is: `` of step 200``; else empty."""
    known = None if found is None else found.step
    return "" if known in (None, step) else f" of step {known}"
