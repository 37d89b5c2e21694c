"""The built-in data sets, and the kit that checks them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from mutants import assert_all_caught, mutant

from rnnx.data.corpus import Corpus, Examples, Stream
from rnnx.data.vocabulary import Vocabulary
from rnnx.errors import ConfigError, DataError
from rnnx.testing import DatasetSuite, datasets
from rnnx_builtin.datasets.dinosaurs import Dinosaurs
from rnnx_builtin.datasets.lines import Lines
from rnnx_builtin.datasets.text import Text

CHINESE = "天地玄黃\n宇宙洪荒\n日月盈昃\n辰宿列張\n寒來暑往\n秋收冬藏\n閏餘成歲\n律呂調陽\n"


class TestDinosaurs(DatasetSuite):
    components = (Dinosaurs(), Dinosaurs(lower=False), Dinosaurs(length=128))


class TestLines(DatasetSuite):
    components = (Lines("c.txt"), Lines("n.txt", val_fraction=0.4), Lines("n.txt", lower=True))

    @pytest.fixture(autouse=True)
    def files(self, own_folder: Path) -> None:
        (own_folder / "c.txt").write_text(CHINESE * 3, "utf-8")
        (own_folder / "n.txt").write_text("Ann\r\nBob\r\n\r\nEve", "utf-8")


class TestText(DatasetSuite):
    components = (Text("c.txt", length=7), Text("c.txt", length=1000))

    @pytest.fixture(autouse=True)
    def files(self, own_folder: Path) -> None:
        (own_folder / "c.txt").write_text(CHINESE * 3, "utf-8")


def test_the_embedded_names() -> None:
    corpus = Dinosaurs().load(0)
    assert isinstance(corpus.train, Examples)
    assert isinstance(corpus.val, Examples)
    assert len(corpus.train) + len(corpus.val) == 1318
    assert len(corpus.val) == 131
    assert "".join(corpus.vocabulary.symbols) == "\nabcdefghijklmnopqrstuvwxyz"


def test_the_embedded_names_as_one_text() -> None:
    names, text = Dinosaurs().load(0), Dinosaurs(length=128).load(0)
    assert isinstance(names.train, Examples)
    assert isinstance(text.train, Stream)
    assert isinstance(text.val, Stream)
    assert text.train.length == 128
    whole = np.concatenate([text.train.ids, text.val.ids])
    assert np.array_equal(whole, names.train.ids)
    assert text.vocabulary.symbols == names.vocabulary.symbols
    with pytest.raises(ConfigError, match="length"):
        Dinosaurs(length=-1)


def test_the_split_follows_the_seed(names: Path) -> None:
    def held_out(seed: int) -> list[int]:
        val = Lines(str(names)).load(seed).val
        assert isinstance(val, Examples)
        return val.starts.tolist()

    assert held_out(1) == held_out(1)
    assert held_out(1) != held_out(2)


def test_the_tail_of_a_text_is_held_out() -> None:
    Path("t.txt").write_text("ab" * 45 + "ba" * 5, "utf-8")
    corpus = Text("t.txt").load(0)
    assert isinstance(corpus.val, Stream)
    assert corpus.vocabulary.decode(corpus.val.ids) == "ba" * 5
    assert corpus.vocabulary.decode(corpus.train.ids) == "ab" * 45


def test_too_large_a_fraction_is_refused() -> None:
    Path("n.txt").write_text("ab\ncd\n", "utf-8")
    Path("one.txt").write_text("ab\n", "utf-8")
    with pytest.raises(DataError, match="leaves none to train on"):
        Lines("one.txt").load(0)
    for fraction in (1.0, -0.1, float("nan")):
        with pytest.raises(ConfigError, match="val_fraction"):
            Lines("n.txt", val_fraction=fraction)


def test_the_kit_catches_each_fault() -> None:
    right = Dinosaurs()
    draws = np.random.default_rng(0)

    def with_corpus(change):
        return mutant(right, load=lambda inner, seed: change(inner(seed)))

    def corpus(c: Corpus, **changed) -> Corpus:
        return Corpus(**{name: changed.get(name, getattr(c, name)) for name in vars(c)})

    def examples(e: Examples, **changed) -> Examples:
        return Examples(**{name: changed.get(name, getattr(e, name)) for name in vars(e)})

    def without_targets(e: Examples) -> Examples:
        broken = examples(e)
        object.__setattr__(broken, "lengths", np.where(e.starts % 2, 0, e.lengths))
        return broken

    reverse = Vocabulary(tuple(reversed(Dinosaurs().load(0).vocabulary.symbols)), "\n")
    few = Vocabulary(("\n", "a"), "\n")
    assert_all_caught(
        datasets,
        {
            "check_vocabulary": [
                with_corpus(lambda c: corpus(c, vocabulary=reverse)),
                with_corpus(lambda c: corpus(c, vocabulary=few)),
            ],
            "check_determinism": [
                mutant(right, load=lambda inner, seed: inner(int(draws.integers(100)))),
                with_corpus(lambda c: corpus(c, sha256="")),
            ],
            "check_shift": [with_corpus(lambda c: corpus(c, train=without_targets(c.train)))],
            "check_examples": [
                with_corpus(
                    lambda c: corpus(c, train=examples(c.train, lengths=c.train.lengths + 1))
                ),
                with_corpus(lambda c: corpus(c, train=Stream(c.train.ids, 5), val=None)),
            ],
            "check_held_out": [
                with_corpus(lambda c: corpus(c, val=c.train)),
                mutant(
                    right,
                    load=lambda inner, seed: corpus(inner(seed), val=Dinosaurs().load(seed).val),
                ),
            ],
            "check_evaluation": [
                with_corpus(lambda c: corpus(c, train=ForgetfulExamples.of(c.train)))
            ],
            "check_grammar": [Pairs(fault) for fault in range(1, 6)],
        },
    )


@dataclass(frozen=True)
class Pairs:
    """A data set with a grammar of two symbols a text; right with fault 0."""

    fault: int

    def load(self, seed: int) -> Corpus:
        return Dinosaurs().load(seed)

    def grammar(self, vocabulary: Vocabulary) -> "PairGrammar":
        return PairGrammar(len(vocabulary), self.fault)


class PairGrammar:
    def __init__(self, n_y: int, fault: int) -> None:
        self.n_y, self.fault, self.looks = n_y, fault, 0

    def start(self, B: int):
        return (np.zeros(B, np.int64),)

    def allowed(self, state):
        self.looks += 1
        if self.fault == 1:
            return np.ones((self.n_y, 1), bool)
        mask = np.broadcast_to(state[0] < 2, (self.n_y, len(state[0])))
        if self.fault == 2:
            return mask.astype(float)
        if self.fault == 3:
            return mask & (self.looks % 2 == 0)
        return mask

    def follow(self, state, ids):
        if self.fault == 4:
            state[0][:] += 1
            return state
        if self.fault == 5:
            return ((state[0] + 1) % 3,)
        return (np.minimum(state[0] + 1, 2),)


def test_a_right_grammar_passes() -> None:
    datasets.check_grammar(Pairs(0))


class ForgetfulExamples(Examples):
    """Examples that count more targets than they have."""

    @classmethod
    def of(cls, e: Examples) -> Examples:
        return cls(e.ids, e.starts, e.lengths)

    @property
    def tokens(self) -> int:
        return super().tokens + 1
