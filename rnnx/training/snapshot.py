"""A session's whole state as a checkpoint, and back, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rnnx.errors import CheckpointError
from rnnx.runs.checkpoint import FORMAT, Checkpoint, refuse_other_data
from rnnx.runs.data_fields import data_fields
from rnnx.training.progress import Progress
from rnnx.training.session import Session
from rnnx.training.step_records import SessionState

# Of a run's identity, what its configuration does not say.
MADE_OF = ("data_sha256", "split_sha256", "versions", "sources")


def take(session: Session, progress: Progress, extra: Mapping[str, Any]) -> Checkpoint:
    """The state of a run between two steps; ``extra`` joins the metadata."""
    state, vocabulary = session.state(), session.corpus.vocabulary
    metadata = {
        "format": FORMAT,
        "config": session.config,
        "symbols": list(vocabulary.symbols),
        "end": vocabulary.end,
        "separator": vocabulary.separator,
        **data_fields(session.corpus),
        **{key: getattr(session.identity, key) for key in MADE_OF},
        **state.values,
        "progress": progress.state(),
        **extra,
    }
    # Not ascontiguousarray, which gives an array without axes one.
    return Checkpoint({k: np.asarray(v, order="C") for k, v in state.arrays.items()}, metadata)


def restore(session: Session, checkpoint: Checkpoint) -> Progress:
    """Put a session where the checkpoint was taken, bit for bit; the progress of its run.

    DataError where the data has changed, CheckpointError for a state that does not fit.
    """
    metadata, path = checkpoint.metadata, checkpoint.path
    data, split = session.identity.data_sha256, session.identity.split_sha256
    refuse_other_data(checkpoint, data, split, "bring the old data back, or train anew")
    corpus = session.corpus
    if corpus.vocabulary != checkpoint.vocabulary:
        raise CheckpointError(f"{path}: its vocabulary is not that of the data")
    if (corpus.targets, corpus.features) != (checkpoint.targets, checkpoint.features):
        raise CheckpointError(f"{path}: its features or targets are not those of the data")
    session.restore(SessionState(dict(checkpoint.tensors), dict(metadata)), path)
    try:
        return Progress.from_state(metadata["progress"])
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        cause = " ".join(repr(error).split())[:200]
        raise CheckpointError(f"{path}: its progress cannot be read ({cause})") from None
