"""What models and training data say of samples: their surprise, and what they copy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rnnx.arrays import Array
from rnnx.data.novelty import Copy, Novelty
from rnnx.data.vocabulary import Vocabulary
from rnnx.errors import DataError, RnnxError
from rnnx.models.trained import Model, load_file
from rnnx.runs.folder import RunFolder
from rnnx.runs.samples_file import Round

# Symbols of samples times symbols of data that are compared in search of copies: about two seconds.
SEARCHED = 4_000_000_000


class Reading(NamedTuple):
    """What was found about the texts of one round."""

    nats: Sequence[Array | None]  # of each text, a number a symbol; None: not measured
    copies: Sequence[Copy | None]  # of each text; None: not searched
    vocabulary: Vocabulary | None  # of the model that measured
    step: int | None  # of its checkpoint, where it is the run's own


class Readings:
    """Reads samples; each model and each data set is loaded once.

    ``under`` is the model whose surprise is measured; None: that of the run which wrote a text,
    from the checkpoint of that step, or where it is kept no more from the last one. What cannot be
    measured is a line of ``notes``.
    """

    def __init__(self, under: Model | None = None) -> None:
        self._under = under
        self._models: dict[Path, Model | None] = {}
        self._data: dict[str, Novelty | None] = {}
        self._left = SEARCHED
        self._unreadable = ""  # why a text could not be measured, the first one
        self._told: dict[str, None] = {}  # an ordered set

    @property
    def notes(self) -> list[str]:
        """What could not be measured, one line each."""
        return list(self._told)

    def read(self, folder: RunFolder, of: Round, texts: Sequence[str]) -> Reading:
        """What is known of ``texts``, which the run of ``folder`` drew in a round."""
        own = self._writer(folder, of)
        model = self._under or own
        none: list[None] = [None] * len(texts)
        nats = none if model is None else self._surprise(model, texts)
        copies = none if own is None else self._copies(own, texts)
        step = own.step if own is not None and self._under is None else None
        return Reading(nats, copies, None if model is None else model.vocabulary, step)

    def _writer(self, folder: RunFolder, of: Round) -> Model | None:
        """The run's model of the round's step, or else its last one."""
        exact = None if of.step is None else folder.recent(of.step)
        if exact is not None and exact.is_file():
            return self._model(exact)
        kept = [path for path in (folder.last, folder.best) if path.is_file()]
        if not kept:
            self._tell(f"{folder.id[:8]}: no checkpoint is here, so nothing is measured")
        readable = []
        for path in kept:
            model = self._model(path)
            if model is not None and model.step == of.step:
                return model
            readable += [model] if model is not None else []
        return next(iter(readable), None)

    def _model(self, path: Path) -> Model | None:
        if path not in self._models:
            try:
                # A few texts: to load compiled code takes longer than to read them.
                self._models[path] = load_file(path, may_compile=False)
            except RnnxError as error:
                self._models[path] = None
                self._tell(f"not measured: {error}")
        return self._models[path]

    def _surprise(self, model: Model, texts: Sequence[str]) -> Sequence[Array | None]:
        """None for a text that the model cannot read: one of other symbols, or of none."""
        try:
            return model.surprise(texts)
        except DataError as error:
            if len(texts) == 1:
                if not self._unreadable:  # one text says why, however many there are
                    self._unreadable = f"some texts are not measured: {error}"
                    self._tell(self._unreadable)
                return [None]
            return [nats for text in texts for nats in self._surprise(model, [text])]

    def _copies(self, model: Model, texts: Sequence[str]) -> list[Copy | None]:
        novelty = self._novelty(model)
        return [None if novelty is None else self._copy(novelty, text) for text in texts]

    def _copy(self, novelty: Novelty, text: str) -> Copy | None:
        self._left -= len(text) * novelty.searched
        if self._left < 0:
            self._tell("the training data is large: not all texts were searched for copies of it")
            return None
        return novelty.longest_copy(text)

    def _novelty(self, model: Model) -> Novelty | None:
        key = json.dumps(model.config["dataset"], sort_keys=True, default=str)
        if key not in self._data:
            try:
                self._data[key] = Novelty(model.own_corpus())
            except RnnxError as error:
                self._data[key] = None
                self._tell(f"no copies searched: {error}")
        return self._data[key]

    def _tell(self, note: str) -> None:
        self._told[note] = None


def symbol_places(text: str, vocabulary: Vocabulary) -> list[tuple[int, int]]:
    """Where each symbol of a text begins and ends in it."""
    places, start = [], 0
    for symbol in vocabulary.split(text):
        start = text.index(symbol, start)
        places.append((start, start + len(symbol)))
        start += len(symbol)
    return places
