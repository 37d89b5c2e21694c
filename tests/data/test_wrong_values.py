"""Values that nothing can be learned from are refused with their part, sequence and step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import rnnx
from rnnx.config.compose import compose
from rnnx.data.batches import TrainBatches
from rnnx.data.corpus import Corpus
from rnnx.data.labelled import pack_labelled
from rnnx.data.targets import NEXT_SYMBOL
from rnnx.errors import CorpusError, DataError, PluginError
from rnnx.registry.checks import load_corpus
from rnnx.training.session import Session

NAN = float("nan")


@dataclass(frozen=True)
class Mood:
    """A data set that returns what a test has made."""

    make: Callable[[], Any]

    def load(self, seed: int) -> Any:
        return self.make()


def corpus(
    train: Any, targets: Any, symbols: str = "", features: tuple[str, ...] = (), val: Any = None
) -> Corpus:
    named = tuple(map(rnnx.Quantity, features))
    vocabulary = rnnx.Vocabulary(tuple(symbols))
    return Corpus(vocabulary, train, val, "0" * 64, targets=targets, features=named)


def classes(y: Any, **more: Any) -> Corpus:
    ids = [[0] * np.size(one) for one in y]
    return corpus(rnnx.sequences_of(y, ids=ids, **more), rnnx.classes("ab"), "x")


def values(y: Any, x: Any = None, weights: Any = None) -> Corpus:
    x = [np.zeros((len(one), 2)) for one in y] if x is None else x
    part = rnnx.sequences_of([np.reshape(one, (-1, 1)) for one in y], features=x, weights=weights)
    return corpus(part, rnnx.values(["speed"]), features=("number", "marker"))


def bits(*rows: list[float]) -> Corpus:
    y = [np.reshape(row, (-1, 1)) for row in rows]
    features = [np.zeros((len(row), 1)) for row in rows]
    return corpus(rnnx.sequences_of(y, features=features), rnnx.bits("v"), features=("number",))


def with_feature(value: float) -> Corpus:
    x = [np.zeros((2, 2)), np.zeros((3, 2))]
    x[1][2, 1] = value
    return values([[0, 0], [0, 0, 0]], x)


WRONG = {
    "class -1": (
        lambda: classes([[0, 1], [0, -1]]),
        r"y\[3\] \(sequence 1, step 1\) is -1, the cl",
    ),
    "class 5": (lambda: classes([[0, 1], [5, 0]]), r"sequence 1, step 0\) is 5, .* are 0 … 1"),
    "class 0.5": (lambda: classes([[0.5, 1.0]]), r"y is float64 of shape \(2,\), expected whole"),
    "bit 2": (lambda: bits([0, 1], [0, 2]), r"y\[3, 0\] \(v of sequence 1, step 1\) is 2.* 0 or 1"),
    "nan x": (
        lambda: with_feature(NAN),
        r"features\[4, 1\] \(marker of sequence 1, step 2\) is nan",
    ),
    "inf x": (lambda: with_feature(np.inf), r"marker of sequence 1, step 2\) is inf, .* finite"),
    "nan y": (lambda: values([[0, NAN]]), r"y\[1, 0\] \(speed of sequence 0, step 1\) is nan"),
    "nan weight": (lambda: classes([[0, 1]], weights=[[1, NAN]]), r"weights\[1\] \(seq.* is nan"),
    "weight -1": (
        lambda: classes([[0, 1]], weights=[[1, -1.0]]),
        r"is -1.0, expected finite .* 0$",
    ),
    "no weight": (lambda: classes([[0, 1]], weights=[[0, 0]]), r"no target of its 1 sequences has"),
    "input id": (
        lambda: corpus(rnnx.sequences_of([[0, 0]], ids=[[0, 7]]), rnnx.classes("ab"), "xy"),
        r"ids\[1\] \(sequence 0, step 1\) is 7, the vocabulary has -1 … 1",
    ),
    "text id": (
        lambda: corpus(rnnx.Stream(np.array([0, 1, -1]), 2), NEXT_SYMBOL, "xy"),
        r"ids\[2\] is -1, the vocabulary has 0 … 1",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_value_is_refused_with_its_place(case: str) -> None:
    make, told = WRONG[case]
    with pytest.raises(PluginError, match=f"^dataset Mood: load: train: .*{told}"):
        load_corpus(Mood(make))


def test_a_wrong_value_in_the_held_out_part_is_refused() -> None:
    good, bad = rnnx.sequences_of([[0]], ids=[[0]]), rnnx.sequences_of([[9]], ids=[[0]])
    with pytest.raises(PluginError, match=r"load: val: y\[0\] .* is 9"):
        load_corpus(Mood(lambda: corpus(good, rnnx.classes("ab"), "x", val=bad)))


def test_what_counts_nowhere_may_be_anything() -> None:
    assert load_corpus(Mood(lambda: values([[NAN, 1.0]], weights=[[0, 1]])))
    assert load_corpus(Mood(lambda: classes([[-100, 1]], weights=[[0, 2.5]])))
    x = np.array([[0.0], [NAN], [0.0]])  # windows of a series leave its gap out
    starts, lengths = np.array([0, 2]), np.array([1, 1])
    windows = rnnx.Sequences(lengths, np.zeros((3, 1)), features=x, starts=starts)
    assert load_corpus(Mood(lambda: corpus(windows, rnnx.values("v"), features=("number",))))
    assert load_corpus(Mood(lambda: bits([0, 1], [0.25, 1])))  # a probability


MISFITS = {
    "y": (
        lambda: rnnx.sequences_of([[0], [0, 0, 0]], ids=[[0], [0, 0]]),
        r"y\[1\] has the shape \(3,\), sequence 1 has 2 steps",
    ),
    "weights": (
        lambda: rnnx.sequences_of([[0, 0]], ids=[[0, 0]], weights=[[1.0]]),
        r"weights\[0\] has the shape \(1,\), sequence 0 has 2 steps",
    ),
    "features": (
        lambda: rnnx.sequences_of([[0, 0]], features=[[0.0, 1.0]]),
        r"features\[0\] has the shape \(2,\), expected \(2, n_features\)",
    ),
    "fewer": (
        lambda: rnnx.sequences_of([[0]], ids=[[0], [0]]),
        r"y has 1 entries for 2 sequences",
    ),
    "empty": (
        lambda: rnnx.sequences_of([[0], []], ids=[[0], []]),
        r"lengths\[1\] is 0; each must be at least 1",
    ),
    "flat": (
        lambda: rnnx.Sequences(np.array([2, 1]), np.zeros(2), ids=np.zeros(3, int)),
        r"y has the shape \(2,\), expected 3 entries, one a step of 2 sequences",
    ),
    "beyond": (
        lambda: rnnx.Sequences(np.array([2, 2]), np.zeros(3), ids=np.zeros(3, int)),
        r"sequence 1 has the steps 2 … 3, the arrays have 0 … 2",
    ),
}


@pytest.mark.parametrize("case", MISFITS)
def test_arrays_that_do_not_fit_name_the_data_set_and_the_sequence(case: str) -> None:
    make, told = MISFITS[case]
    with pytest.raises(CorpusError, match=told):
        make()
    with pytest.raises(PluginError, match=f"^dataset Mood: load: sequences: {told}"):
        load_corpus(Mood(make))


def test_a_file_that_cannot_be_read_stays_the_users() -> None:
    def refused() -> Any:
        raise DataError("moods.csv: is empty")

    with pytest.raises(DataError, match=r"^moods.csv: is empty$"):
        load_corpus(Mood(refused))


SMALL = ["cell.hidden_size=3", "batch_size=4", "backend=numpy", "head=gaussian"]


def endless(from_draw: int) -> Corpus:
    """Examples without end, of which the second target is NaN from that draw for training on."""
    drawn = [0]

    def draw(rng: np.random.Generator, count: int) -> rnnx.Sequences:
        drawn[0] += count == 4
        y = [np.zeros((2, 1)) for _ in range(count)]
        y[0][1] = NAN if count == 4 and drawn[0] >= from_draw else 0
        return rnnx.sequences_of(y, features=[np.zeros((2, 1))] * count)

    made = rnnx.Endless(draw)
    return corpus(made, rnnx.values(["speed"]), features=("number",), val=made.fixed(3, 0))


@pytest.mark.parametrize("good", [1, 3])  # the first is that of which the length is asked
def test_a_batch_without_end_that_has_nan_is_the_data_sets_fault(good: int) -> None:
    session = Session(compose(SMALL), endless(good + 1))
    with pytest.raises(
        PluginError, match=r"^dataset .*y\[1, 0, 0\] \(sequence 0 of a batch, step 1"
    ):
        for _ in range(good):
            session.step()


def test_what_is_drawn_is_looked_at_when_it_is_loaded() -> None:
    def draw(rng: np.random.Generator, count: int) -> rnnx.Sequences:
        return rnnx.sequences_of([[2]] * count, ids=[[0]] * count)

    made = corpus(rnnx.Endless(draw), rnnx.classes("ab"), "x")
    with pytest.raises(PluginError, match=r"load: draw: y\[0\] \(sequence 0, step 0\) is 2"):
        load_corpus(Mood(lambda: made))


@pytest.mark.parametrize("kind", ["u1", "i1", "u4"])
def test_ids_of_any_type_are_padded_with_the_zero_vector(kind: str) -> None:
    ids, lengths = np.array([3, 50, 1], kind), np.array([2, 1], "u8" if kind == "u1" else kind)
    part = rnnx.Sequences(lengths, np.array([1, 0, 1], kind), ids=ids)
    batch = pack_labelled(part, np.arange(2))
    assert batch.x.tolist() == [[3, 1], [50, -1]] and batch.x.dtype == np.intp
    both = rnnx.Sequences(lengths, ids, ids, np.ones((3, 1), np.float32), n_symbols=60)
    x = pack_labelled(both, np.arange(2)).x
    assert x.shape == (2, 61, 2) and x[0, 3, 0] == x[0, 1, 1] == 1 and not x[1, :, 1].any()
    assert TrainBatches(part, 2, np.random.default_rng(0)).next().x.min() == -1
