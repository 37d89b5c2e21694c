"""All that a session needs to continue bit for bit: read out of it, and put back."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array
from rnnx.errors import CheckpointError
from rnnx.models.backend import backend_of_checkpoint, possible_threads
from rnnx.runs.checkpoint import fill_arrays
from rnnx.training.generators import restore_generators
from rnnx.training.session import Session


class SessionState(NamedTuple):
    """The state between two steps."""

    arrays: dict[str, Array]  # params/…, average/…, optimizer/…: see runs/checkpoint.py
    values: dict[str, Any]  # step, smooth_loss, generators, batches, threads, backend


def state_of(session: Session) -> SessionState:
    """The state between two steps; its arrays are the session's own, not copies."""
    order: dict[str, Any] = {}
    arrays = _arrays(session)
    for name, value in session.batches.state().items():
        if isinstance(value, np.ndarray):
            arrays[f"batches/{name}"] = value
        else:
            order[name] = value
    values = {
        "step": session.steps,
        "smooth_loss": None if math.isnan(session.smooth_loss) else session.smooth_loss,
        "generators": {name: rng.bit_generator.state for name, rng in session.rngs.items()},
        "batches": order,
        "threads": session.threads.count,
        "backend": session.backend.value,
    }
    return SessionState(arrays, values)


def put_back(session: Session, state: SessionState, where: Any) -> None:
    """Continue from ``state``; CheckpointError, which names ``where``, if it does not fit."""
    order = {
        k.removeprefix("batches/"): v for k, v in state.arrays.items() if k.startswith("batches/")
    }
    own = {k: v for k, v in state.arrays.items() if not k.startswith("batches/")}
    fill_arrays(_arrays(session), own, where)
    values = state.values
    try:
        restore_generators(session.rngs, values["generators"])
        session.batches.restore({**values["batches"], **order})
    except (KeyError, ValueError, TypeError, OverflowError, AttributeError) as error:
        cause = " ".join(repr(error).split())[:200]
        raise CheckpointError(
            f"{where}: its state does not fit its configuration ({cause})"
        ) from None
    smooth = values["smooth_loss"]
    session.steps = values["step"]
    session.smooth_loss = math.nan if smooth is None else float(smooth)
    session.threads.count = possible_threads(values["threads"], f"{where}: threads")
    session.use(backend_of_checkpoint(values.get("backend", "numpy")))


def _arrays(session: Session) -> dict[str, Array]:
    """The session's own arrays under the names that a checkpoint gives them."""
    arrays = session.weights.arrays()
    for layer, state in enumerate(session.states):
        arrays |= {f"states/{layer}/{place}": a for place, a in enumerate(state)}
    return arrays
