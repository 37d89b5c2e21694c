"""Piano rolls by path: both forms of the file, and what each mistake in one is answered with."""

import json
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

import rnnx
from rnnx.errors import DataError
from rnnx.testing import DatasetSuite
from rnnx_builtin.datasets.piano_rolls import HeldOut, PianoRolls

PIECES: dict[str, Any] = {
    "train": [[[60, 64, 67], [60, 65, 69.0], []], [[21], [108, -1], [108]], [[60], [60]]],
    "valid": [[[60, 64], [62, 65], [64, 67]]],
    "test": [[[50], [52]], [[48]]],
}


def roll_of(piece: list[list[float]]) -> np.ndarray:
    roll = np.zeros((len(piece), 88), np.uint8)
    for t, step in enumerate(piece):
        for pitch in step:
            if pitch >= 0:
                roll[t, int(pitch) - 21] = 1
    return roll


def cells_of(pieces: list[Any]) -> np.ndarray:
    cells = np.empty((1, len(pieces)), object)
    for k, piece in enumerate(pieces):
        cells[0, k] = roll_of(piece)
    return cells


@pytest.fixture(autouse=True)
def files(own_folder: Path) -> None:
    Path("jsb.json").write_text(json.dumps(PIECES), "utf-8")
    savemat("jsb.mat", {f"{part}data": cells_of(pieces) for part, pieces in PIECES.items()})


class TestPianoRolls(DatasetSuite):
    components = (PianoRolls("jsb.json"), PianoRolls("jsb.mat", HeldOut.test))


@pytest.mark.parametrize("path", ["jsb.json", "jsb.mat"])
def test_the_next_step_is_the_target(path: str) -> None:
    corpus = PianoRolls(path).load(0)
    train: Any = corpus.train
    assert train.lengths.tolist() == [2, 2, 1]
    first = roll_of(PIECES["train"][0])
    assert np.array_equal(train.features[:2], first[:-1])
    assert np.array_equal(train.y[:2], first[1:])
    assert corpus.targets.names[0] == "p21" and corpus.targets.names[-1] == "p108"


def test_a_piece_of_one_step_is_left_out() -> None:
    held_out: Any = PianoRolls("jsb.json", HeldOut.test).load(0).val
    assert held_out.lengths.tolist() == [1]


def test_the_loss_is_nats_a_step_summed_over_the_keys() -> None:
    session = rnnx.build(
        [
            *("experiment=chorales", "dataset.path=jsb.json", "tracker=none", "batch_size=2"),
            *("cell.hidden_size=4", "head.weights.output=zeros"),
        ]
    )
    assert session.step() == pytest.approx(88 * math.log(2))


def change(path: list[Any], value: Any) -> str:
    changed = json.loads(json.dumps(PIECES))
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return json.dumps(changed)


WRONG = {
    "a pitch": (change(["train", 1, 0, 0], 20), "train, piece 2, step 1: 20 is no pitch"),
    "no whole pitch": (change(["valid", 0, 2, 1], 60.5), "valid, piece 1, step 3: 60.5 is no"),
    "a truth": (change(["valid", 0, 0, 0], True), "True is no pitch of a piano; expected 21 … 108"),
    "no steps": (change(["train", 0], "C"), "train, piece 1: is 'C'; expected a list of lists"),
    "a flat piece": (change(["train", 0], [60, 62]), "expected a list of lists of pitches"),
    "no part": (json.dumps({"train": [], "test": []}), "no list of pieces valid"),
    "a part that is none": (change(["test"], 5), "no list of pieces test"),
    "nothing to learn": (change(["train"], [[[60]]]), "train: has no piece of two steps"),
    "half a file": (json.dumps(PIECES)[:40], "is no JSON"),
    "a text": ("do re mi", "is neither JSON nor of MATLAB"),
    "an endless number": (change(["train", 0, 0, 0], 10**400), "is no pitch"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_mistake_is_one_line(mistake: str) -> None:
    text, words = WRONG[mistake]
    Path("wrong.json").write_text(text, "utf-8")
    with pytest.raises(DataError) as caught:
        PianoRolls("wrong.json").load(0)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value) and "dataset.path=wrong.json" in str(caught.value)


def test_a_pickle_is_not_read() -> None:
    Path("jsb.pickle").write_bytes(pickle.dumps(PIECES))
    with pytest.raises(DataError, match="neither JSON nor of MATLAB"):
        PianoRolls("jsb.pickle").load(0)


def test_a_damaged_file_of_matlab_is_named() -> None:
    whole = Path("jsb.mat").read_bytes()
    Path("half.mat").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"half\.mat: "):
        PianoRolls("half.mat").load(0)
    savemat("wide.mat", {f"{part}data": cells_of([[[60], [61]]]) for part in PIECES} | {"x": 1})
    assert PianoRolls("wide.mat").load(0).train.steps == 1
    other = np.empty((1, 1), object)
    other[0, 0] = np.full((3, 88), 2)
    savemat("twos.mat", {f"{part}data": other for part in PIECES})
    with pytest.raises(DataError, match="train, piece 1, step 1: p21 is 2; expected 0 or 1"):
        PianoRolls("twos.mat").load(0)
