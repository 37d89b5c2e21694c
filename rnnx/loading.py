"""A data set, read: what it answers, and what its batches may hold."""

from __future__ import annotations

import numpy as np

from rnnx import answers
from rnnx.batches import Batch
from rnnx.blame import answering
from rnnx.contracts import Dataset
from rnnx.corpus import Corpus


def load_corpus(dataset: Dataset, seed: int) -> Corpus:
    """The corpus of a data set; PluginError where it is none."""
    with answering():
        return answers.corpus(dataset, dataset.load(seed))


def refuse_foreign_ids(dataset: Dataset, batch: Batch, n_symbols: int) -> None:
    """PluginError where a batch has ids that the vocabulary does not have."""
    for what, ids, least in (("x", batch.x, -1), ("y", batch.y, 0)):
        lowest, highest = int(np.min(ids)), int(np.max(ids))
        if lowest < least or highest >= n_symbols:
            raise answers.fault(
                "dataset",
                dataset,
                f"load: {what} holds ids {lowest} … {highest}, the vocabulary has "
                f"{least} … {n_symbols - 1}",
            )
