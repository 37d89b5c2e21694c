"""Build, train and load from scripts and notebooks, with the overrides of the command line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnnx.models.trained import Model
    from rnnx.training.run import Run
    from rnnx.training.session import Session


def build(overrides: Sequence[str] = ()) -> Session:
    """A training session for ``overrides``, as in ``["cell=gru", "seed=1"]``.

    It tracks nothing and writes nothing: ``session.step()`` makes one update and returns the loss
    that it optimised, ``session.params`` is a dict of dicts of arrays.
    """
    from rnnx.config.overrides import parse
    from rnnx.training.session import Session
    from rnnx.training.sizing import composed

    return Session(composed(parse(_listed(overrides))))


def train(overrides: Sequence[str] = (), verbose: bool | None = None) -> Run:
    """Train to the end as ``rnnx train`` does.

    ``verbose``: whether it prints what ``rnnx train`` prints, losses and samples; by default it
    does in a notebook or IPython, and not in a script.
    """
    from rnnx.config.overrides import parse
    from rnnx.training.report import Silent, for_terminal, in_notebook
    from rnnx.training.run import train as run_to_end
    from rnnx.training.sizing import composed

    parsed = parse(_listed(overrides))
    shown = in_notebook() if verbose is None else verbose
    return run_to_end(composed(parsed), for_terminal() if shown else Silent(), parsed.shown)


def load(run: str | os.PathLike[str]) -> Model:
    """The model of a run; ``run`` is its id, the beginning of it, ``"last"``, its folder or a
    checkpoint file.
    """
    from rnnx.models.load import find_model

    return find_model(str(Path(run)) if not isinstance(run, str) else run)


def _listed(overrides: Sequence[str]) -> list[str]:
    if isinstance(overrides, str):
        raise TypeError(f"overrides: give a list of strings, as in [{overrides!r}]")
    return list(overrides)
