"""The combinations of a space: all of them by an independent definition, and each by its number."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rnnx.errors import ConfigError
from rnnx.sweeps.building import Builder
from rnnx.sweeps.plan import make_plan, permutation
from rnnx.sweeps.space import Space
from rnnx.sweeps.words import Grid, Part, Sample, Shuffle, Values, When, Zip, parse_word

Job = dict[str, str]
LISTED = 1000  # jobs: conditions in conditions make spaces that nobody can list


def space(*parts: Part | str, fixed: Job | None = None) -> Space:
    words = [parse_word(part) if isinstance(part, str) else part for part in parts]
    return Builder(lambda group: [], fixed or {}).space(words)  # type: ignore[arg-type]


def jobs(made: Space) -> list[Job]:
    return [made[number] for number in range(made.size)]


def listed(parts: Sequence[Part], before: Job) -> Iterator[Job]:
    """The jobs of ``parts`` by the rule of the manual, one list after the other."""
    axes = [part for part in parts if not isinstance(part, Grid | When)]
    grids = [part for part in parts if isinstance(part, Grid)]
    whens = [part for part in parts if isinstance(part, When)]
    found = [before]
    for part in parts:
        if part in axes:
            found = [job | row for job in found for row in rows(part)]
        elif grids and part is grids[0]:
            found = [job for b in found for grid in grids for job in listed(grid.parts, b)]
    for when in whens:
        found = [
            job
            for b in found
            for job in (
                listed(when.parts, b) if b.get(when.condition.key) in when.condition.values else [b]
            )
        ]
    yield from found


def pairs(found: list[Job]) -> set[tuple[str, str]]:
    return {pair for job in found for pair in job.items()}


def rows(part: Part) -> list[Job]:
    if isinstance(part, Values):
        return [{part.key: value} for value in part.values]
    assert isinstance(part, Zip)
    together = zip(*(rows(inner) for inner in part.parts), strict=True)
    return [{k: v for row in several for k, v in row.items()} for several in together]


@st.composite
def spaces(draw: st.DrawFn, depth: int = 2, names: Iterator[str] | None = None) -> list[Part]:
    """Parts that give no key two values; conditions are on keys of the same level."""
    names = names or (f"k{number}" for number in itertools.count())

    def axis(count: int) -> Values:
        first = draw(st.integers(0, 5))
        return Values(next(names), tuple(str(first + n) for n in range(count)))

    parts: list[Part] = [axis(draw(st.integers(1, 3)))]
    tested = [parts[0]]
    for kind in draw(st.lists(st.sampled_from(["axis", "zip", "grid", "when"]), max_size=3)):
        count = draw(st.integers(1, 3))
        if kind == "axis":
            parts.append(axis(count))
            tested.append(parts[-1])
        elif kind == "zip":
            parts.append(Zip((axis(count), axis(count))))
        elif kind == "grid" and depth:
            parts.append(Grid(tuple(draw(spaces(depth - 1, names)))))
        elif kind == "when" and depth:
            on = draw(st.sampled_from(tested))
            assert isinstance(on, Values)
            wanted = draw(st.lists(st.sampled_from(on.values), min_size=1, unique=True))
            inside = tuple(draw(spaces(depth - 1, names)))
            parts.append(When(Values(on.key, tuple(wanted)), inside))
    return draw(st.permutations(parts))


@settings(max_examples=60)
@given(spaces())
def test_the_jobs_are_those_of_the_definition(parts: list[Part]) -> None:
    made = space(*parts)
    assume(made.size <= LISTED)
    wanted = list(listed(parts, {}))
    assert made.size == len(wanted)
    assert jobs(made) == wanted
    assert all(list(one) == list(other) for one, other in zip(jobs(made), wanted, strict=True))


@settings(max_examples=30)
@given(spaces())
def test_every_value_occurs_in_what_is_checked(parts: list[Part]) -> None:
    made = space(*parts)
    assume(made.size <= LISTED)
    whole, covered = jobs(made), list(made.covering(every_choice=False))
    assert all(job in whole for job in covered)
    assert pairs(covered) == pairs(whole)


@settings(max_examples=30)
@given(st.integers(1, 60), st.integers(0, 2**63 - 1), st.integers(0, 60))
def test_a_larger_sample_begins_with_a_smaller_one(size: int, seed: int, count: int) -> None:
    whole = list(permutation(size, seed))
    assert sorted(whole) == list(range(size))
    assert list(itertools.islice(permutation(size, seed), count)) == whole[:count]


def test_the_order_of_a_seed_is_the_same_for_ever() -> None:
    assert list(permutation(10, 0)) == [6, 7, 2, 5, 8, 4, 9, 3, 0, 1]
    assert list(itertools.islice(permutation(10**12, 3), 2)) == [649562111997, 144071367499]


def test_each_order_is_as_likely_as_any_other() -> None:
    counts = dict.fromkeys(itertools.permutations(range(3)), 0)
    for seed in range(1200):
        counts[tuple(permutation(3, seed))] += 1
    assert all(150 < count < 250 for count in counts.values())  # 200 ± 4 standard deviations


def plan(made: Space, draw: Sample | Shuffle | None = None, seeds: range = range(0)) -> list[str]:
    found = make_plan(made, draw, seeds, lambda texts: dict(t.split("=") for t in texts))
    return [" ".join(job) for job in found.jobs]


def test_a_sample_of_a_large_grid_lists_its_jobs_alone() -> None:
    axes = [Values(f"k{axis}", tuple(map(str, range(10)))) for axis in range(15)]
    drawn = plan(space(*axes), Sample(50))
    assert len(set(drawn)) == 50
    assert drawn[:20] == plan(space(*axes), Sample(20))
    assert drawn != plan(space(*axes), Sample(50, seed=1))
    with pytest.raises(ConfigError, match=r"1,000,000,000,000,000 jobs; at most 10,000.*sample"):
        plan(space(*axes))
    with pytest.raises(ConfigError, match="50,000 jobs; at most 10,000"):
        plan(space(*axes), Sample(10_000), range(5))


def test_equal_jobs_are_one_and_a_sample_has_as_many_as_it_says() -> None:
    twice = space("grid(a=0,1,0,2)", "grid(a=2,3)")
    found = make_plan(twice, None, range(0), lambda texts: {"texts": texts})
    assert found.jobs == [["a=0"], ["a=1"], ["a=2"], ["a=3"]]
    assert found.notes == ["2 combinations equal earlier ones and are left out"]
    assert len(plan(twice, Sample(4))) == 4


def test_every_combination_has_all_seeds_side_by_side() -> None:
    made = space("grid(a=0,1)", fixed={"seed": "7"})
    assert plan(made, None, range(7, 9)) == ["a=0 seed=7", "a=0 seed=8", "a=1 seed=7", "a=1 seed=8"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["zip(a=1,2, b=3)"], "give as many values for each key .a has 2, b has 1"),
        (["zip(a=1,2, a=3,4)"], "gives a twice"),
        (["when(a=1, b=2)"], "nothing sets a in this sweep"),
        (["grid(a=one,two)", "when(a=tow, b=2)"], "a is never tow .* one, two; did you mean two"),
        (["grid(a=1,2)", "zip(a=1,2, b=1,2)"], "a: gets two values in one job, 1 and 1"),
        (["grid(f=1)"], "f: gets two values in one job, 0 and 1"),
    ],
)
def test_a_wrong_space_is_one_line(words: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as error:
        list(space(*words, fixed={"f": "0"}).covering(every_choice=True))
    assert "\n" not in str(error.value)


def test_two_conditions_may_set_one_key() -> None:
    made = space("grid(a=1,2)", "when(a=1, b=3,4)", "when(a=2, b=5)")
    assert jobs(made) == [{"a": "1", "b": "3"}, {"a": "1", "b": "4"}, {"a": "2", "b": "5"}]


def test_values_come_from_files(tmp_path: Path) -> None:
    Path("rates.txt").write_text("0.1\n\n  1e-2  \r\n")
    assert jobs(space("file(optimizer.learning_rate=rates.txt)")) == [
        {"optimizer.learning_rate": "0.1"},
        {"optimizer.learning_rate": "1e-2"},
    ]
    Path("rows.csv").write_text(
        '\ufeffcell,dataset.path,cell.forget_bias\nlstm,"a,b.txt",2\n\ngru,恐.txt,\n', "utf-8"
    )
    assert jobs(space("csv(rows.csv)")) == [
        {"cell": "lstm", "dataset.path": "'a,b.txt'", "cell.forget_bias": "2"},
        {"cell": "gru", "dataset.path": "'恐.txt'"},
    ]
    Path("two.csv").write_text("layers\n1\n2\n")
    assert jobs(space("zip(csv(two.csv), seed=3,4)")) == [
        {"layers": "1", "seed": "3"},
        {"layers": "2", "seed": "4"},
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has 0 rows below a first row of keys"),
        (b"cell,seed\n", "has 0 rows below a first row of keys"),
        (b"cell,seed\nlstm\n", "line 2 has 1 cells, the first row has 2 keys"),
        (b"cell,cell\nlstm,gru\n", "'cell' in its first row is there twice"),
        (b"0,1\n2,3\n", "'0' in its first row is no key"),
        (b"seed\n1\n\n'1,2\n", "line 4"),
        (b'seed\n"1,2"\n', "line 2: seed=1,2: give one value"),
        (b"hydra.mode\nRUN\n", "line 2: hydra.mode=RUN: give one value of a run's key"),
        (b'seed\n"1\n', "line"),
        (b"seed\n\xff\n", "is not in UTF-8"),
    ],
)
def test_a_wrong_file_is_one_line(content: bytes, said: str) -> None:
    Path("rows.csv").write_bytes(content)
    with pytest.raises(ConfigError, match=said) as error:
        space("csv(rows.csv)")
    assert str(error.value).startswith("csv(rows.csv): ") and "\n" not in str(error.value)


@pytest.mark.parametrize("word", ["csv(away.csv)", "file(seed=away.txt)", "csv(.)"])
def test_a_file_that_cannot_be_read_is_named(word: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read"):
        space(word)
