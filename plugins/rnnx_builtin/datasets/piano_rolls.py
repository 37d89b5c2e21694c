"""Music as piano rolls, of which the next step is learned: which of 88 keys sound at once.

    x⟨t⟩ ∈ {0, 1}⁸⁸   the keys of a piano that sound, p21 the lowest A … p108 the highest C
    y⟨t⟩ = x⟨t+1⟩

A file holds three parts with names that begin with train, valid and test, in either form in which
the JSB chorales (Boulanger-Lewandowski, Bengio and Vincent 2012) go round:

    .json  {"train": [[[60, 64, 67], [60, 65, 69], …], …], …}   parts, pieces, steps, MIDI pitches
    .mat   traindata, validdata, testdata: cells of (T, 88) arrays of 0 and 1, of MATLAB

A pickle is refused: reading one can run any code. ``head=bernoulli`` gives the loss that is
published, nats a step summed over the keys.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from rnnx.arrays import Array
from rnnx.data.corpus import Corpus
from rnnx.data.named_file import NamedFile, named_file
from rnnx.data.sequences import Sequences, sequences_of
from rnnx.data.targets import Quantity, bits
from rnnx.data.vocabulary import Vocabulary
from rnnx.errors import DataError

LOWEST, HIGHEST = 21, 108  # MIDI pitches of a piano
KEYS = HIGHEST - LOWEST + 1
PARTS = ("train", "valid", "test")
EXPECTED = "expected the .json or .mat file of piano rolls that docs/reference/datasets describes"


class HeldOut(StrEnum):
    """The part that a run is measured on."""

    valid = "valid"
    test = "test"


@dataclass(frozen=True)
class PianoRolls:
    """The pieces of a file of piano rolls, with the next step as the target."""

    path: str = ""
    """The file, .json or .mat; ~ is your home folder."""
    held_out: HeldOut = HeldOut.valid
    """The part of the file that is held out: valid, or test for a figure to publish."""

    def load(self, seed: int) -> Corpus:
        file = named_file(self.path, "dataset.path")
        parts = _read(file)
        names = [f"p{pitch}" for pitch in range(LOWEST, HIGHEST + 1)]
        return Corpus(
            Vocabulary(()),
            _next_steps(file.name, "train", parts),
            _next_steps(file.name, self.held_out.value, parts),
            file.sha256(),
            source=file.source,
            targets=bits(names),
            features=tuple(Quantity(name) for name in names),
        )


def _next_steps(name: str, part: str, parts: Mapping[str, Sequence[Array]]) -> Sequences:
    """Every step but a piece's last as input, every step but its first as target."""
    rolls = [roll.astype(np.float32) for roll in parts[part] if len(roll) > 1]
    if not rolls:
        raise DataError(f"{name}: {part}: has no piece of two steps or more")
    return sequences_of([roll[1:] for roll in rolls], features=[roll[:-1] for roll in rolls])


def _read(file: NamedFile) -> dict[str, list[Array]]:
    """The pieces of each part, (T, 88) of 0 and 1 each."""
    with file.binary() as opened:
        beginning = opened.read(10).lstrip()
    if beginning.startswith(b"MATLAB"):
        found = _of_matlab(file)
        make = _roll_of_array
    elif beginning.startswith(b"{"):
        found = _of_json(file)
        make = _roll_of_pitches
    else:
        raise DataError(f"{file.name}: is neither JSON nor of MATLAB; {EXPECTED}")
    return {
        part: [make(f"{file.name}: {part}, piece {k}", piece) for k, piece in enumerate(own, 1)]
        for part, own in _parts(file.name, found).items()
    }


def _parts(name: str, found: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """What stands under the keys that begin with train, valid and test."""
    parts = {}
    for part in PARTS:
        keys = [key for key in found if key.startswith(part)]
        if len(keys) != 1 or not isinstance(found[keys[0]], list):
            there = ", ".join(found) or "none"
            raise DataError(f"{name}: has no list of pieces {part}, its parts are {there}")
        parts[part] = found[keys[0]]
    return parts


def _of_json(file: NamedFile) -> dict[str, Any]:
    try:
        found = json.loads("".join(file.lines()))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file.name}: is no JSON ({error}); {EXPECTED}") from None
    assert isinstance(found, dict)  # it begins with a brace
    return found


def _of_matlab(file: NamedFile) -> dict[str, Any]:
    from scipy.io import loadmat

    with file.binary() as opened:
        try:
            found = loadmat(opened, chars_as_strings=False)
        except Exception as error:  # whatever SciPy raises for a damaged file
            what = " ".join(str(error).split())[:200]
            raise DataError(f"{file.name}: is damaged ({what}); fetch it anew") from None
    own = {key: value for key, value in found.items() if not key.startswith("__")}
    return {key: list(np.ravel(value)) for key, value in own.items() if value.dtype == object}


def _roll_of_array(where: str, piece: Any) -> Array:
    """(T, 88) of 0 and 1."""
    roll = np.asarray(piece)
    if roll.ndim != 2 or roll.shape[1] != KEYS or roll.dtype.kind not in "biuf":
        raise DataError(
            f"{where}: is {roll.dtype} of shape {roll.shape}; expected (T, {KEYS}) numbers"
        )
    if wrong := np.argwhere((roll != 0) & (roll != 1)).tolist():
        step, key = wrong[0]
        found = f"p{LOWEST + key} is {roll[step, key]}"
        raise DataError(f"{where}, step {step + 1}: {found}; expected 0 or 1")
    sounds: Array = roll != 0
    return sounds


def _roll_of_pitches(where: str, piece: Any) -> Array:
    """(T, 88) from a list of steps, each a list of MIDI pitches; −1 is a voice that rests."""
    if not isinstance(piece, list) or not all(isinstance(step, list) for step in piece):
        raise DataError(f"{where}: is {_short(piece)}; expected a list of lists of pitches")
    roll = np.zeros((len(piece), KEYS), bool)
    for t, step in enumerate(piece):
        for pitch in _pitches(f"{where}, step {t + 1}", step):
            roll[t, pitch - LOWEST] = True
    return roll


def _pitches(where: str, step: Iterable[Any]) -> list[int]:
    own = []
    for pitch in step:
        is_whole = type(pitch) is int or (isinstance(pitch, float) and pitch.is_integer())
        if not is_whole or (pitch != -1 and not LOWEST <= pitch <= HIGHEST):
            raise DataError(
                f"{where}: {_short(pitch)} is no pitch of a piano; expected {LOWEST} … {HIGHEST}, "
                "or −1 for a rest"
            )
        if pitch >= 0:
            own.append(int(pitch))
    return own


def _short(value: Any) -> str:
    return f"{value!r:.60}"
