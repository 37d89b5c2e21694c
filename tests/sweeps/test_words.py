"""The words of a sweep as they are typed: parsed, printed and parsed again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnx.config.spelling import quoted
from rnnx.errors import ConfigError
from rnnx.sweeps.words import (
    Csv,
    File,
    Grid,
    Sample,
    Shuffle,
    Values,
    When,
    Word,
    Zip,
    is_word,
    parse_word,
    separate,
    value_of,
    values,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1) | st.text(
    "\\${}'\",[]()=: a1é\n", min_size=1
)
paths = texts
numbers = st.lists(st.integers(0, 99).map(str), min_size=1, max_size=3)
of_numbers = st.builds(lambda key, v: Values(key, tuple(v)), st.sampled_from("abc"), numbers)
of_texts = st.lists(texts, min_size=1, max_size=3).map(
    lambda several: values("dataset.path=" + ",".join(map(quoted, several)))
)
files = st.builds(File, st.sampled_from("abc"), paths) | st.builds(Csv, paths)
single = of_numbers | of_texts | files
axes = single | st.lists(single, min_size=2, max_size=3).map(lambda parts: Zip(tuple(parts)))
inner = axes | st.lists(axes, min_size=1, max_size=3).map(lambda parts: Grid(tuple(parts)))
whens = st.builds(When, of_numbers, st.lists(inner, min_size=1, max_size=2).map(tuple))
grids = st.lists(inner | whens, min_size=1, max_size=3).map(lambda parts: Grid(tuple(parts)))
draws = st.builds(Sample, st.integers(1, 10**9), st.integers(0, 2**63 - 1))
words = files | axes.filter(lambda p: not isinstance(p, Values)) | whens | grids | draws
words |= st.builds(Shuffle, st.integers(0, 2**63 - 1))


@settings(max_examples=60)
@given(words)
def test_a_word_that_is_printed_and_parsed_is_the_same(word: Word) -> None:
    assert is_word(str(word))
    assert parse_word(str(word)) == word


LEARNING_RATES = Values("optimizer.learning_rate", ("0.01", "0.03"))


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        (
            "zip(cell=lstm,gru, optimizer.learning_rate=0.01,0.03)",
            Zip((Values("cell", ("lstm", "gru")), LEARNING_RATES)),
        ),
        (
            " zip( cell=lstm , gru,file(layers=l.txt) ) ",
            Zip((Values("cell", ("lstm", "gru")), File("layers", "l.txt"))),
        ),
        (
            "when(cell=lstm,gru, when(layers=2, dropout=0,0.5))",
            When(
                Values("cell", ("lstm", "gru")),
                (When(Values("layers", ("2",)), (Values("dropout", ("0", "0.5")),)),),
            ),
        ),
        ("grid(seed=range(0,3))", Grid((Values("seed", ("0", "1", "2")),))),
        ("grid(probe=[a,b],[c], seed=1)", Grid((values("probe=[a,b],[c]"), values("seed=1")))),
        ("file(seed=/tmp/a b.txt)", File("seed", "/tmp/a b.txt")),
        ("csv('a,b.csv')", Csv("a,b.csv")),
        ("csv(恐龙.csv)", Csv("恐龙.csv")),
        ("grid(file(a='(.txt'), b=1)", Grid((File("a", "(.txt"), Values("b", ("1",))))),
        ("grid(dataset.path=(.txt,x)", Grid((values("dataset.path=(.txt,x"),))),
        ("grid(dataset.path=it's,b)", Grid((values("dataset.path=it's,b"),))),
        ("sample(5)", Sample(5)),
        ("sample(5,seed = 7)", Sample(5, 7)),
        ("shuffle()", Shuffle()),
    ],
)
def test_a_word_as_a_user_types_it(typed: str, word: Word) -> None:
    assert parse_word(typed) == word


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("zipp(a=1)", "a sweep has no word zipp; choose from csv, file, .*; did you mean zip"),
        ("f(x)", "a sweep has no word f; choose from"),
        ("zip(a=1,2", "the bracket after zip is not closed"),
        ("zip(a=1,2)", "pairs values; give two keys or more"),
        ("zip()", "pairs values"),
        ("zip(a=1,2, grid(b=1,2))", "pairs values"),
        ("zip(1,2, a=1,2)", "'1,2': is not of the form key=value"),
        ("zip(a=interval(0,1), b=1)", "list the values themselves"),
        ("zip(cell=glob(*), b=1)", "list the values themselves"),
        ("zip(a=range(3,3), b=1)", "has no values"),
        ("zip(+a=1,2, b=1,2)", "keys cannot be added"),
        ("grid()", "is empty"),
        ("grid(seed=0,1, sample(5))", "sample.5, seed=0. is about the whole sweep"),
        ("grid(hydra.sweeper.params.a=1,2)", "has one value; give it outside"),
        ("when(cell=lstm)", "give first a key and its values"),
        ("when(zip(a=1,2, b=1,2), c=1)", "give first a key and its values"),
        ("sample()", "give the number of jobs, at least 1"),
        ("sample(0)", "give the number of jobs, at least 1"),
        ("sample(-1)", "give the number of jobs, at least 1"),
        ("sample(5, 7)", "its one option is a seed"),
        ("sample(5, seed=x)", "its one option is a seed"),
        ("shuffle(seed=1, seed=2)", "its one option is a seed"),
        ("file(rates.txt)", "give a key and a file"),
        ("csv()", "names no file"),
    ],
)
def test_a_wrong_word_is_one_line(typed: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as error:
        parse_word(typed)
    assert "\n" not in str(error.value)


def test_a_text_that_looks_like_a_word_is_a_text() -> None:
    typed = ["tracker.experiment=zip(a)", "sample(2)", "dataset.path=grid(a=1).txt", "seed=0,1"]
    overrides, found = separate(typed)
    assert overrides == [typed[0], *typed[2:]]
    assert found == [(1, Sample(2))]


@pytest.mark.parametrize(
    ("one", "other", "are_equal"),
    [
        ("0.1", "1e-1", True),
        ("1", "1.0", True),
        ("'a'", "a", True),
        ("1", "'1'", False),
        ("true", "1", False),
        ("null", "'null'", False),
    ],
)
def test_values_are_compared_by_what_they_are(one: str, other: str, are_equal: bool) -> None:
    assert (value_of(one) == value_of(other)) is are_equal
