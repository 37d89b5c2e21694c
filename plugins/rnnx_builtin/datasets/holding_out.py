"""Which sequences are held out: drawn at random, from each class where a sequence has one."""

from __future__ import annotations

import numpy as np

from rnnx.arrays import Array
from rnnx.data.sequences import Sequences
from rnnx.errors import DataError


def split_sequences(
    whole: Sequences, fraction: float, seed: int, strata: Array | None = None
) -> tuple[Sequences, Sequences | None]:
    """What is trained on and what is held out: ``fraction`` of all, or of each class of ``strata``.

    At least one sequence is held out, unless ``fraction`` is 0, and each class keeps one to train
    on. A class of few sequences may have none that is held out.
    """
    if fraction == 0:
        return whole, None
    rng = np.random.default_rng(seed)
    kind = np.zeros(len(whole), np.int64) if strata is None else strata
    groups = [rng.permutation(np.flatnonzero(kind == one)) for one in np.unique(kind)]
    held_out = np.zeros(len(whole), bool)
    for places in groups:
        held_out[places[: int(len(places) * fraction)]] = True
    if not held_out.any():
        held_out[max(groups, key=len)[0]] = True
    if (strata is not None and any(held_out[places].all() for places in groups)) or held_out.all():
        raise DataError(
            f"dataset.val_fraction: {fraction} of {len(whole)} sequences leaves none to train on; "
            "give more data, or hold nothing out with dataset.val_fraction=0"
        )
    return whole.select(np.flatnonzero(~held_out)), whole.select(np.flatnonzero(held_out))
