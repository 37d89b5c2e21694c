"""A session's whole state as a checkpoint, and back, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnx.arrays import Array
from rnnx.config.identity import versions
from rnnx.errors import (
    CheckpointError,
    DataError,
)
from rnnx.models.backend import kept
from rnnx.runs.checkpoint import FORMAT, Checkpoint, _fill
from rnnx.training.progress import Progress

if TYPE_CHECKING:
    from rnnx.training.session import Session


def take(session: Session, progress: Progress, extra: Mapping[str, Any]) -> Checkpoint:
    """The state of a run between two steps; ``extra`` joins the metadata."""
    tensors = _arrays(session)
    order: dict[str, Any] = {}
    for name, value in session.batches.state().items():
        if isinstance(value, np.ndarray):
            tensors[f"batches/{name}"] = value
        else:
            order[name] = value
    vocabulary = session.corpus.vocabulary
    metadata = {
        "format": FORMAT,
        "config": session.config,
        "symbols": list(vocabulary.symbols),
        "end": vocabulary.end,
        "separator": vocabulary.separator,
        "versions": versions(session.config),
        "data_sha256": session.corpus.sha256,
        "step": session.steps,
        "smooth_loss": session.smooth_loss,
        "generators": {name: rng.bit_generator.state for name, rng in session.rngs.items()},
        "batches": order,
        "threads": session.threads.count,
        "backend": session.backend.value,
        "progress": progress.state(),
        **extra,
    }
    return Checkpoint({k: np.ascontiguousarray(v) for k, v in tensors.items()}, metadata)


def _arrays(session: Session) -> dict[str, Array]:
    """The session's own arrays under the names that a file gives them."""
    arrays = {f"params/{name}": array for name, array in session.params.leaves()}
    arrays |= {f"optimizer/{name}": a for name, a in session.optimizer_state.items()}
    for layer, state in enumerate(session.states):
        arrays |= {f"states/{layer}/{place}": a for place, a in enumerate(state)}
    return arrays


def restore(session: Session, checkpoint: Checkpoint) -> Progress:
    """Put a session where the checkpoint was taken, bit for bit; what its rounds had come to.

    DataError where the data has changed, CheckpointError for a state that does not fit.
    """
    metadata = checkpoint.metadata
    if session.corpus.sha256 != metadata["data_sha256"]:
        raise DataError(
            f"{checkpoint.path}: the data is not the data of the checkpoint (its SHA-256 differs); "
            "bring the old file back, or train anew"
        )
    if session.corpus.vocabulary != checkpoint.vocabulary:
        raise CheckpointError(f"{checkpoint.path}: its vocabulary is not that of the data")
    order = checkpoint.part("batches")
    own = {k: v for k, v in checkpoint.tensors.items() if not k.startswith("batches/")}
    _fill(_arrays(session), own, checkpoint.path)
    try:
        _restore_generators(session.rngs, metadata["generators"])
        session.batches.restore({**metadata["batches"], **order})
        progress = Progress.from_state(metadata["progress"])
    except (KeyError, ValueError, TypeError, OverflowError, AttributeError) as error:
        cause = " ".join(repr(error).split())[:200]
        raise CheckpointError(
            f"{checkpoint.path}: its state does not fit its configuration ({cause})"
        ) from None
    session.steps, session.smooth_loss = metadata["step"], float(metadata["smooth_loss"])
    session.threads.count = metadata["threads"]
    session.use(kept(metadata.get("backend", "numpy")))
    return progress


def _restore_generators(rngs: Mapping[str, np.random.Generator], states: Any) -> None:
    if states.keys() != rngs.keys():
        raise ValueError(f"generators must be {', '.join(rngs)}")
    for name, rng in rngs.items():
        rng.bit_generator.state = states[name]
        if rng.bit_generator.state != states[name]:  # NumPy takes what it can and leaves the rest
            raise ValueError(f"the state of generator {name} is none of NumPy's")
