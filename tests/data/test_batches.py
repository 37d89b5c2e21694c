"""Every target the right number of times, shifted by one, and an order that can be resumed."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnx.data.batches import Batch, TrainBatches, evaluation_batches, longest_first
from rnnx.data.corpus import Examples, Stream
from rnnx.errors import DataError


def examples(lengths: list[int], **options: object) -> Examples:
    ids = np.arange(sum(lengths), dtype=np.uint16)
    sizes = np.array(lengths)
    return Examples(ids, np.cumsum(sizes) - sizes, sizes, **options)


def columns(batch: Batch) -> list[tuple[list[int], list[int]]]:
    T, B = batch.x.shape
    lengths = [T] * B if batch.lengths is None else batch.lengths
    return [(batch.x[:n, b].tolist(), batch.y[:n, b].tolist()) for b, n in enumerate(lengths)]


LENGTHS = st.lists(st.integers(1, 6), min_size=1, max_size=12)


@given(LENGTHS, st.integers(1, 5), st.integers(0, 99))
def test_an_epoch_of_examples_is_each_once(lengths: list[int], B: int, seed: int) -> None:
    split = examples(lengths)
    if len(split) < B:
        with pytest.raises(DataError, match=f"batch_size={B}"):
            TrainBatches(split, B, np.random.default_rng(seed))
        return
    batches = TrainBatches(split, B, np.random.default_rng(seed))
    seen: Counter[int] = Counter()
    for _ in range(len(split)):  # B epochs
        batch = batches.next()
        assert batch.tokens == sum(len(y) for _, y in columns(batch))
        for x, y in columns(batch):
            assert x == [-1, *y[:-1]]
            seen.update(y)
    assert set(seen.values()) == {B}
    assert sorted(seen) == list(range(sum(lengths)))


@given(LENGTHS, st.integers(1, 20))
def test_evaluation_measures_each_target_once(lengths: list[int], most: int) -> None:
    seen = Counter(
        i for b in evaluation_batches(examples(lengths), most) for _, y in columns(b) for i in y
    )
    assert seen == Counter(range(sum(lengths)))


@given(st.integers(2, 80), st.integers(1, 9), st.integers(1, 20))
def test_evaluation_measures_each_symbol_of_a_stream_once(n: int, length: int, most: int) -> None:
    seen: Counter[int] = Counter()
    batches = list(evaluation_batches(Stream(np.arange(n, dtype=np.uint8), length), most))
    assert [batch.carried for batch in batches] == [False] + (len(batches) - 1) * [True]
    for batch in batches:
        for x, y in columns(batch):
            assert [i + 1 for i in x] == y
            seen.update(y)
        assert 1 <= len(batch.x) <= length
        assert batch.tokens == sum(len(y) for _, y in columns(batch))
        if batch.lengths is None:
            continue
        assert min(batch.lengths) < len(batch.x)
        padding = np.arange(len(batch.x))[:, None] >= batch.lengths
        assert (batch.x[padding] == -1).all() and (batch.y[padding] == 0).all()
    assert seen == Counter(range(1, n))


@given(st.integers(2, 80), st.integers(1, 9), st.integers(1, 5))
def test_the_columns_of_a_stream_are_contiguous(n: int, length: int, B: int) -> None:
    split = Stream(np.arange(n, dtype=np.uint8), length)
    if n - 1 < B:
        with pytest.raises(DataError, match=f"batch_size={B}"):
            TrainBatches(split, B, np.random.default_rng(0))
        return
    batches, rows = TrainBatches(split, B, np.random.default_rng(0)), (n - 1) // B
    for _ in range(2):  # epochs
        got: list[list[int]] = [[] for _ in range(B)]
        first = True
        while len(got[0]) < rows:
            batch = batches.next()
            assert batch.carried is not first
            first = False
            for b, (x, y) in enumerate(columns(batch)):
                assert [i + 1 for i in x] == y
                got[b] += y
        assert got == [list(range(1 + b * rows, 1 + (b + 1) * rows)) for b in range(B)]


def test_the_order_given_is_kept_where_nothing_is_shuffled() -> None:
    split = examples([2, 1, 3], shuffle=False, carry=True)
    batches = TrainBatches(split, 1, np.random.default_rng(0))
    taken = [batches.next() for _ in range(6)]
    assert [batch.y[0, 0] for batch in taken] == [0, 2, 3, 0, 2, 3]
    assert [batch.carried for batch in taken] == [False] + 5 * [True]


def test_every_epoch_has_an_order_of_its_own() -> None:
    batches = TrainBatches(examples([1] * 20), 20, np.random.default_rng(0))
    orders = [batches.next().y[0].tolist() for _ in range(3)]
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(orders[2])
    assert orders[0] != orders[1] != orders[2] != list(range(20)) != orders[0]


def test_first_stands_before_the_targets() -> None:
    split = examples([2, 3], first=np.array([40, 50]))
    batches = TrainBatches(split, 2, np.random.default_rng(0))
    assert sorted(x for x, _ in columns(batches.next())) == [[40, 0], [50, 2, 3]]
    batches = TrainBatches(split, 1, np.random.default_rng(0))
    alone = [columns(batches.next())[0][0] for _ in range(2)]
    assert sorted(alone) == [[40, 0], [50, 2, 3]]


def test_columns_of_one_length_have_no_lengths() -> None:
    batch = TrainBatches(examples([3, 3]), 2, np.random.default_rng(0)).next()
    assert batch.lengths is None
    assert batch.tokens == 6


@given(st.integers(0, 30), st.booleans(), st.integers(0, 9))
def test_what_goes_on_from_a_state_equals_what_never_stopped(
    steps: int, stream: bool, seed: int
) -> None:
    split = Stream(np.arange(50, dtype=np.uint8), 7) if stream else examples([2, 1, 3, 4, 1])
    rng = np.random.default_rng(seed)
    whole = TrainBatches(split, 3, rng)
    for _ in range(steps):
        whole.next()
    state, generator = whole.state(), rng.bit_generator.state
    expected = [whole.next() for _ in range(12)]

    other = np.random.default_rng(77)
    resumed = TrainBatches(split, 3, other)
    resumed.next()
    resumed.restore(state)
    other.bit_generator.state = generator
    for batch in expected:
        found = resumed.next()
        np.testing.assert_array_equal(found.x, batch.x)
        np.testing.assert_array_equal(found.y, batch.y)
        assert found.carried == batch.carried


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("order", [0, 1], TypeError),
        ("order", np.zeros((1, 1), np.int64), TypeError),
        ("order", np.zeros(1), TypeError),
        ("order", np.zeros(1, np.int32), TypeError),
        ("order", np.array([-1, 0]), ValueError),
        ("order", np.array([0, 2]), ValueError),
        ("cursor", -1, ValueError),
        ("cursor", 2**63, ValueError),
        ("cursor", 1.0, ValueError),
        ("cursor", True, ValueError),
    ],
    ids=str,
)
def test_a_state_that_is_none_is_refused(key: str, value: object, error: type[Exception]) -> None:
    batches = TrainBatches(examples([1, 2]), 1, np.random.default_rng(0))
    good = batches.state()
    batches.restore(good | {"order": np.array([0, 1]), "cursor": 2**63 - 1})
    batches.restore(good)
    with pytest.raises(error, match=r"of (the )?batches"):
        batches.restore(good | {key: value})
    np.testing.assert_equal(batches.state(), good)
    stream = TrainBatches(Stream(np.arange(9), 2), 1, np.random.default_rng(0))
    with pytest.raises(ValueError, match="not there"):
        stream.restore(good | {"order": np.array([0])})


def test_padding_is_minus_one_in_x_and_zero_in_y() -> None:
    batches = TrainBatches(examples([1, 3]), 2, np.random.default_rng(0))
    batch = batches.next()
    assert batch.lengths is not None
    short = int(np.argmin(batch.lengths))
    assert batch.x[1:, short].tolist() == [-1, -1]
    assert batch.y[1:, short].tolist() == [0, 0]
    assert batch.x.dtype == batch.y.dtype == np.intp


@given(LENGTHS, st.integers(1, 5))
def test_the_longest_column_comes_first_in_training_unless_state_is_carried(
    lengths: list[int], B: int
) -> None:
    small = replace(examples(lengths), lengths=np.array(lengths, np.uint8))
    B = min(B, len(lengths))
    batch = TrainBatches(small, B, np.random.default_rng(0)).next()
    sizes = [len(y) for _, y in columns(batch)]
    assert sizes == sorted(sizes, reverse=True)
    carried = examples(lengths, shuffle=False, carry=True)
    batch = TrainBatches(carried, B, np.random.default_rng(0)).next()
    assert [len(y) for _, y in columns(batch)] == lengths[:B]


@given(st.lists(st.integers(1, 6), min_size=1, max_size=300))
def test_examples_are_scored_in_their_own_order(lengths: list[int]) -> None:
    split = examples(lengths)
    which = longest_first(split.lengths)
    assert [lengths[i] for i in which] == sorted(lengths, reverse=True)
    batch = next(evaluation_batches(split.select(which[:256]), 256))
    assert [y[0] for _, y in columns(batch)] == split.starts[which[:256]].tolist()


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=12),
    columns=st.integers(1, 8),
    most=st.integers(1, 20),
)
def test_evaluation_reads_every_target_within_a_budget(
    lengths: list[int], columns: int, most: int
) -> None:
    split, seen = examples(lengths), []
    state: list[list[int]] = []  # what each column has read so far
    for batch in evaluation_batches(split, columns, most):
        T, B = batch.x.shape
        assert most >= T * B
        state = state[:B] if batch.carried else [[-1] for _ in range(B)]
        for b, column in enumerate(state):
            n = T if batch.lengths is None else int(batch.lengths[b])
            assert n >= 1
            assert batch.x[0, b] == column[-1]  # it goes on where the part before has ended
            column.extend(batch.y[:n, b].tolist())
            seen += batch.y[:n, b].tolist()
    assert sorted(seen) == sorted(split.ids.tolist())
    assert len(seen) == split.tokens


@pytest.mark.parametrize(
    ("n", "B", "note"),
    [
        (62, 32, "30 of the 62 symbols to predict are never trained on"),
        (64, 32, ""),
        (6401, 64, ""),
    ],
)
def test_targets_that_no_batch_has_are_said(n: int, B: int, note: str) -> None:
    batches = TrainBatches(Stream(np.zeros(n + 1, np.uint8), 8), B, np.random.default_rng(0))
    seen = sum(batches.next().tokens for _ in range(-(-(n // B) // 8)))
    assert len(batches.notes()) == bool(note)
    if note:
        assert note in batches.notes()[0]
        assert batches.notes()[0].endswith("batch_size=31 leaves out 0")
        assert n - seen == 30


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_where_state_is_carried_some_columns_begin_anew(share: float) -> None:
    stream, B, rng = Stream(np.arange(4000, dtype=np.uint16), 3), 8, np.random.default_rng(0)
    batches = TrainBatches(stream, B, rng, state_reset=share)
    resets = []
    for _ in range(300):
        batch = batches.next()
        if share == 0 or not batch.carried:
            assert batch.reset is None
        else:
            assert batch.reset is not None
            resets.append(np.isin(np.arange(B), batch.reset))
    if share:
        each = np.mean(resets, axis=0)  # of every column
        assert np.all(np.abs(each - share) < 0.12)


def test_examples_that_carry_no_state_are_drawn_as_without_resets() -> None:
    drawn = [
        TrainBatches(examples([2, 3, 4, 2]), 2, np.random.default_rng(1), state_reset=share)
        for share in (0.0, 0.9)
    ]
    for _ in range(9):
        assert columns(drawn[0].next()) == columns(drawn[1].next())


@given(LENGTHS, st.integers(1, 5), st.booleans(), st.booleans(), st.booleans())
def test_batches_made_at_once_are_those_packed_one_by_one(
    lengths: list[int], B: int, carry: bool, shuffle: bool, has_first: bool
) -> None:
    first = np.arange(len(lengths)) if has_first else None
    split = examples(lengths, carry=carry, shuffle=shuffle, first=first)
    if len(split) < B:
        return
    at_once, one_by_one = (TrainBatches(split, B, np.random.default_rng(3)) for _ in range(2))
    assert at_once._rows is not None
    one_by_one._rows = None
    for number in range(2 * len(split)):
        for found, expected in zip(at_once.next(), one_by_one.next(), strict=True):
            np.testing.assert_array_equal(found, expected)
            assert getattr(found, "dtype", None) == getattr(expected, "dtype", None)
        states = at_once.state(), one_by_one.state()
        np.testing.assert_equal(*states)
        if number == 3:  # what was made is of another order
            for batches, state in zip((at_once, one_by_one), states, strict=True):
                batches.restore({**state, "order": state["order"][::-1]})


def test_many_long_examples_are_packed_one_by_one() -> None:
    few, many = examples([4, 3]), examples([2**10] * 2**8)
    rows = [TrainBatches(split, 2, np.random.default_rng(0))._rows for split in (few, many)]
    assert rows[0] is not None and rows[1] is None
