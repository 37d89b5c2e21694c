"""The built-in data sets with targets of their own: from a user's file to inputs and targets."""

from pathlib import Path

import numpy as np
import pytest

from rnnx.data.named_file import NamedFile
from rnnx.data.sequences import Sequences
from rnnx.errors import ConfigError, DataError
from rnnx.testing import DatasetSuite
from rnnx_builtin.datasets.classified import Classified
from rnnx_builtin.datasets.csv import Csv
from rnnx_builtin.datasets.npz import Npz
from rnnx_builtin.datasets.tagged import Tagged
from rnnx_builtin.datasets.texts import Unit

REVIEWS = "good film\tpos\nbad film\tneg\na good one\tpos\nso bad\tneg\nnot good\tneg\n" * 4
SENTENCES = "the DET\ncat NOUN\nsat VERB\n\na DET\ndog NOUN\n\n" * 6
COMMAS = 'id,review,stars\n1,"good, very ""good""",5\n2,bad,1\n3,"so\nbad",1\n4,fine,5\n' * 1


@pytest.fixture(autouse=True)
def files(own_folder: Path) -> None:
    Path("r.txt").write_text(REVIEWS, "utf-8")
    Path("t.conll").write_text(SENTENCES, "utf-8")
    Path("s.txt").write_text("the cat sat\na dog\n" * 6, "utf-8")
    Path("s.tags").write_text("DET NOUN VERB\nDET NOUN\n" * 6, "utf-8")
    t = np.arange(120)
    rows = np.stack([20 + 5 * np.sin(t / 7), np.cos(t / 7), t % 5], axis=1)
    np.savetxt("w.csv", rows, delimiter=",", header="temp,wind,day", comments="", fmt="%.6f")
    rng = np.random.default_rng(0)
    x, lengths = rng.normal(size=(20, 6, 2)), rng.integers(1, 7, 20)
    np.savez("labels.npz", x=x, y=rng.integers(0, 2, 20), lengths=lengths)
    tags, weight = rng.integers(3, 6, (20, 6)), rng.random((20, 6)) > 0.3
    np.savez("tags.npz", x=rng.integers(0, 11, (20, 6)), y=tags, lengths=lengths, weight=weight)
    np.savez("values.npz", x=x, y=rng.normal(3, 2, (20, 2)))
    np.savez("bits.npz", x=x[..., 0], y=rng.random((20, 6, 3)) > 0.5)


class TestClassified(DatasetSuite):
    components = (Classified("r.txt"), Classified("r.txt", unit=Unit.word, val_fraction=0.3))


class TestTagged(DatasetSuite):
    components = (Tagged("t.conll"), Tagged("s.txt", tags="s.tags", lower=True))


class TestCsv(DatasetSuite):
    components = (Csv("w.csv", length=16), Csv("w.csv", targets="temp", ahead=0, length=9))


class TestNpz(DatasetSuite):
    names = ("labels", "tags", "values", "bits")
    components = tuple(Npz(f"{name}.npz") for name in names)


def texts(corpus, part: Sequences) -> list[str]:
    """The inputs of each sequence."""
    spans = zip(part.starts, part.lengths, strict=True)
    return [corpus.vocabulary.decode(part.ids[s : s + n].tolist()) for s, n in spans]


def test_each_label_is_held_out_by_its_share() -> None:
    Path("many.txt").write_text("ab\tx\n" * 80 + "ba\ty\n" * 20 + "aa\trare\n", "utf-8")
    corpus = Classified("many.txt", val_fraction=0.25).load(0)
    assert corpus.targets.names == ("rare", "x", "y")
    assert np.bincount(corpus.val.y).tolist() == [0, 20, 5]
    assert np.bincount(corpus.train.y).tolist() == [1, 60, 15]
    other = Classified("many.txt", val_fraction=0.25).load(1)
    assert not np.array_equal(other.val.starts, corpus.val.starts)


def test_a_csv_file_and_a_file_with_tabs_hold_the_same_texts() -> None:
    Path("c.csv").write_text("\ufeff" + COMMAS, "utf-8")
    corpus = Classified("c.csv", "review", "stars", val_fraction=0).load(0)
    assert texts(corpus, corpus.train) == ['good, very "good"', "bad", "so\nbad", "fine"]
    assert [corpus.targets.names[i] for i in corpus.train.y] == ["5", "1", "1", "5"]
    Path("h.txt").write_text("text\tlabel\r\n" + REVIEWS.replace("\n", "\r\n"), "utf-8")
    with_head, plain = Classified("h.txt").load(0), Classified("r.txt").load(0)
    assert texts(with_head, with_head.train) == texts(plain, plain.train)


def test_words_are_symbols() -> None:
    corpus = Classified("r.txt", unit=Unit.word, val_fraction=0).load(0)
    assert corpus.vocabulary.symbols == ("a", "bad", "film", "good", "not", "one", "so")
    assert texts(corpus, corpus.train)[:3] == ["good film", "bad film", "a good one"]


def test_columns_and_parallel_files_are_the_same_sentences() -> None:
    one, two = Tagged("t.conll").load(3), Tagged("s.txt", tags="s.tags").load(3)
    assert one.vocabulary == two.vocabulary
    assert one.targets == two.targets
    for a, b in ((one.train, two.train), (one.val, two.val)):
        assert texts(one, a) == texts(two, b)
        assert np.array_equal(a.y, b.y)
    place = texts(one, one.train).index("the cat sat")
    start = one.train.starts[place]
    assert [one.targets.names[i] for i in one.train.y[start : start + 3]] == ["DET", "NOUN", "VERB"]


def read(dataset, content: str, name: str = "new.txt") -> list[str]:
    Path(name).write_text(content, "utf-8")
    return list(dataset.texts(NamedFile(name, Path(name))))


def test_new_texts_are_read_as_the_data_is() -> None:
    assert read(Classified("r.txt"), "good\nbad\tneg\n\n") == ["good", "bad"]
    assert read(Classified("r.txt", lower=True), "GOOD\n") == ["good"]
    assert read(Classified("x.csv", "review"), COMMAS, "new.csv")[0] == 'good, very "good"'
    sentences = ["the cat sat", "a dog"]
    assert read(Tagged("t.conll"), SENTENCES)[:2] == sentences
    assert read(Tagged("t.conll"), "the\ncat\nsat\n\na\ndog\n") == sentences
    assert read(Tagged("t.conll"), "the cat sat\na dog\n") == sentences
    assert read(Tagged("s.txt", tags="s.tags"), "the cat sat\na dog\n") == sentences


def windows(part: Sequences):
    for start, n in zip(part.starts, part.lengths, strict=True):
        yield slice(int(start), int(start + n))


@pytest.mark.parametrize("ahead", [0, 1, 7])
def test_a_target_is_so_many_rows_ahead_and_goes_back_to_its_unit(ahead: int) -> None:
    rows = np.loadtxt("w.csv", delimiter=",", skiprows=1)
    data = Csv("w.csv", inputs="wind+day", targets="temp", ahead=ahead, length=16)
    corpus = data.load(0)
    (temp,) = corpus.targets.quantities
    known = rows[:108]
    assert temp.mean == pytest.approx(known[:, 0].mean())
    assert temp.deviation == pytest.approx(known[:, 0].std())
    wind, day = corpus.features
    predicted = []
    for part in (corpus.train, corpus.val):
        for span in windows(part):
            x = part.features[span] * (wind.deviation, day.deviation) + (wind.mean, day.mean)
            y = part.y[span, 0] * temp.deviation + temp.mean
            (first,) = np.flatnonzero((abs(rows[:, 1:] - x[0]) < 1e-4).all(axis=1))[:1]
            assert x == pytest.approx(rows[first : first + len(x), 1:], abs=1e-4)
            assert y == pytest.approx(rows[first + ahead : first + ahead + len(x), 0], abs=1e-4)
            last = first + len(x) - 1 + ahead
            if part is corpus.train:
                assert last < 108
            else:
                predicted += [first + ahead + k for k in np.flatnonzero(part.weights[span])]
    # Each held-out row is predicted once, with at least half a window before it.
    assert predicted == list(range(108, 120))


def test_columns_that_tell_nothing_are_named() -> None:
    Path("c.csv").write_text("a,b\n" + "".join(f"{k},7\n" for k in range(30)), "utf-8")
    corpus = Csv("c.csv", length=4).load(0)
    assert corpus.notes == ("column 'b' never changes in the training part; it tells nothing",)
    assert np.isfinite(corpus.train.features).all()


def test_arrays_become_sequences_of_their_lengths() -> None:
    given = np.load("tags.npz")
    corpus = Npz("tags.npz", val_fraction=0).load(0)
    assert corpus.targets.names == ("3", "4", "5")
    for k, span in enumerate(windows(corpus.train)):
        n = given["lengths"][k]
        assert [int(corpus.vocabulary.symbols[i]) for i in corpus.train.ids[span]] == given["x"][
            k, :n
        ].tolist()
        counts = given["weight"][k, :n]
        names = np.array(corpus.targets.names)[corpus.train.y[span]]
        assert names[counts].astype(int).tolist() == given["y"][k, :n][counts].tolist()
        assert corpus.train.weights[span].tolist() == counts.tolist()
    values = Npz("values.npz", val_fraction=0.2).load(0)
    assert values.targets.per_sequence
    assert values.train.y.mean(axis=0) == pytest.approx([0, 0], abs=1e-6)
    raw = Npz("values.npz", val_fraction=0, standardize=False).load(0)
    assert raw.train.y == pytest.approx(np.load("values.npz")["y"])
    assert Npz("bits.npz").load(0).targets.names == ("y1", "y2", "y3")


def written(content: str, name: str = "f.txt") -> str:
    Path(name).write_text(content, "utf-8")
    return name


def saved(**arrays) -> str:
    np.savez("f.npz", **arrays)
    return "f.npz"


X = np.zeros((4, 3, 2))
WRONG = [
    (lambda: Classified(written("good\n")), "dataset.path=f.txt, line 1: has 0 tabs; expected a t"),
    (lambda: Classified(written("a\tb\tc\n")), "line 1: has 2 tabs; expected a text, a tab"),
    (lambda: Classified(written("a\tx\n\ty\n")), "line 2: its text is empty"),
    (lambda: Classified(written("a\tx\nb\t \n")), "line 2: its label is empty"),
    (lambda: Classified(written("ab\tx\nba\tx\n")), "all 2 texts have the label 'x'"),
    (lambda: Classified(written("")), "f.txt: is empty"),
    (lambda: Classified(written("a\tx\na\ty\n")), "holds one character alone"),
    (
        lambda: Classified(written("text,lable\na,b\n", "f.csv")),
        "has no column 'label'; dataset.la",
    ),
    (lambda: Classified(written("ab\tx\nba\ty\n"), val_fraction=0.9), "leaves none to train on"),
    (lambda: Tagged(written("the\n")), "line 1: has 1 columns; expected a token and its tag"),
    (lambda: Tagged(written("a X\nb X Y\n")), "line 2: has 3 columns; expected 2 columns"),
    (lambda: Tagged(written("\n\n")), "is empty; give a token and its tag in each line"),
    (lambda: Tagged(written("a X\nb X\n")), "all tokens have the tag 'X'"),
    (lambda: Tagged("s.txt", written("DET NOUN\n")), "f.txt, line 1: has 2 tags; expected 3"),
    (lambda: Tagged("s.txt", written("A B C\nA B\n")), "f.txt: ends before line 3, which"),
    (lambda: Csv("w.csv", inputs="temp+tempo"), "has no column 'tempo'; dataset.inputs is one of"),
    (lambda: Csv("w.csv", inputs="temp+temp"), "dataset.inputs=temp+temp: expected names"),
    (lambda: Csv("w.csv", ahead=0), "dataset.ahead=0: column 'day' is an input and a target"),
    (lambda: Csv("w.csv", ahead=500), "has 120 rows, of which 108 are to train on"),
    (lambda: Csv(written("d,a\n2020-01-01,1\n", "f.csv")), "line 2: column 'd' is '2020-01-01'"),
    (lambda: Npz(saved(x=X)), "f.npz: has no array y"),
    (lambda: Npz(saved(x=X, y=np.zeros(3))), "array y is float64 of shape (3,); expected 4 seq"),
    (lambda: Npz(saved(x=X, y=np.zeros(4, int))), "array y has the class 0 alone"),
    (lambda: Npz(saved(x=X, y=np.arange(4), z=X)), "array z is none of x, y, lengths, weight"),
    (lambda: Npz(saved(x=X[0, 0], y=X)), "array x is float64 of shape (2,)"),
    (lambda: Npz(saved(x=X, y=X, lengths=np.full(4, 9))), "array lengths holds 9 … 9; expected 1"),
    (lambda: Npz(saved(x=X, y=X, weight=np.ones(4))), "array weight is float64 of shape (4,); exp"),
    (lambda: Npz(saved(x=X, y=X, weight=-np.ones((4, 3)))), "array weight must be at least 0"),
    (lambda: Npz("r.txt"), "is no .npy or .npz file"),
    (Npz, "dataset.path: is not set; say dataset.path=FILE"),
]


@pytest.mark.parametrize(("make", "what"), WRONG, ids=[what[:40] for _, what in WRONG])
def test_what_cannot_be_learned_from_is_one_line(make, what: str) -> None:
    with pytest.raises(DataError) as error:
        make().load(0)
    assert what in str(error.value)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("dataset.")


def test_hyperparameters_out_of_range_are_refused() -> None:
    for make, field in (
        (lambda: Csv(length=1), "length"),
        (lambda: Csv(ahead=-1), "ahead"),
        (lambda: Classified(label="text"), "label"),
        (lambda: Tagged(val_fraction=1.0), "val_fraction"),
        (lambda: Npz(split_seed=-1), "split_seed"),
    ):
        with pytest.raises(ConfigError, match=field):
            make()
