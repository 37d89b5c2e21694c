"""Held-out examples with what the network predicts of them, for a person to look at."""

from __future__ import annotations

import numpy as np

from rnnx.contracts.buffers import Scratch
from rnnx.data.sequences import Endless, Sequences
from rnnx.models.network import quiet
from rnnx.models.prediction import RawPrediction, predict_each, readable_input, readable_targets
from rnnx.registry.attribution import attributing
from rnnx.runs.predictions_file import Shown
from rnnx.training.session import Session


def held_out_predictions(session: Session, count: int) -> list[Shown]:
    """Up to ``count`` examples, the same ones in every round, with what is predicted now.

    They are spread evenly over the held-out part; where nothing is held out, over the training
    part.
    """
    corpus = session.corpus
    part = corpus.train if corpus.val is None else corpus.val
    if isinstance(part, Endless):
        part = part.fixed(count, 0)
    if not isinstance(part, Sequences) or not count:
        return []
    places = np.unique(np.linspace(0, len(part) - 1, min(count, len(part))).round().astype(int))
    chosen, targets = part.select(places), corpus.targets
    shown = []
    for place, found in enumerate(_predicted(session, chosen)):
        if chosen.per_sequence:
            y, weights = chosen.y[place], None
        else:
            start = int(chosen.starts[place])  # type: ignore[index]
            steps = slice(start, start + int(chosen.lengths[place]))
            y, weights = chosen.y[steps], None if chosen.weights is None else chosen.weights[steps]
        texts = [readable_targets(targets, one, weights) for one in (y, found.y)]
        example = readable_input(corpus.vocabulary, corpus.features, chosen, place)
        shown.append(Shown(str(places[place] + 1), example, *texts))
    return shown


def _predicted(session: Session, part: Sequences) -> list[RawPrediction]:
    """What the network predicts of each sequence, as evaluation does: without dropout."""
    network = session.network.on(session.execution)
    with session.threads, quiet(), attributing():
        found = dict(predict_each(network, session.average, part, Scratch()))
    return [found[place] for place in range(len(part))]
