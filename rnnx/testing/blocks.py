"""The checks of BlockSuite: what every block must do, around a small cell of the kit's own."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array, Params, State
from rnnx.contracts.blocks import BareBlock, Block, Place
from rnnx.contracts.buffers import Scratch
from rnnx.errors import PluginError
from rnnx.registry.block_checks import CheckedBlock
from rnnx.testing.gradients import check_slopes, same
from rnnx.testing.initialization import check_init_of
from rnnx.testing.inner_cell import InnerCell
from rnnx.testing.isolation import Results, isolation_checks, threads_check
from rnnx.testing.suite import CheckFailed, NotApplicable, expect, make_suite

T, B, N_X, N_A = 6, 3, 3, 4
LENGTHS = np.array([T, 2, 0])
LOWER, TOP = Place(0, 2), Place(1, 2)


class Case(NamedTuple):
    """A block with random parameters, input, state and gradient, around a cell."""

    block: Block
    params: Params
    x: Array  # (T, n_x, B), or ids (T, B)
    state: State  # the block's
    cell_state: Array  # (n_a, B)
    dy: Array  # (T, d, B)
    cell: InnerCell


class Result(NamedTuple):
    """Copies of all results of one forward and backward."""

    y: Array
    final: State
    cell_final: Array
    dparams: Params
    dx: Array | None


def make_case(
    block: Block, dtype: Any = np.float64, seed: int = 0, place: Place = TOP, ids: bool = False
) -> Case:
    """A case of ``block``; the same seed gives the same case."""
    rng, d = np.random.default_rng(seed), block.features(N_A)
    n_x = d if block.embeds else N_X
    fresh = block.init(rng, n_x, N_A, place, dtype)
    # Biases of 0 hide errors: add noise to every parameter.
    params = {k: (v + 0.3 * rng.normal(size=v.shape)).astype(dtype) for k, v in fresh.items()}
    x = rng.normal(size=(T, n_x, B)).astype(dtype)
    zero = block.initial_state(N_A, B, dtype)
    state = tuple(rng.normal(scale=0.5, size=s.shape).astype(dtype) for s in zero)
    cell = InnerCell.drawn(rng, block.cell_inputs(n_x, N_A), N_A, dtype)
    first = rng.normal(scale=0.5, size=(N_A, B)).astype(dtype)
    dy = rng.normal(size=(T, d, B)).astype(dtype)
    x = rng.integers(-1, n_x, (T, B)) if ids else x
    return Case(block, params, x, state, first, dy, cell)


def run(
    case: Case,
    lengths: Array | None = None,
    scratch: Scratch | None = None,
    other: Scratch | None = None,
    **changed: Any,
) -> Result:
    """Run forward and backward (with ``other`` scratch) as training does."""
    block, params, x, state, first, dy, cell = case._replace(**changed)
    checked, scratch = CheckedBlock(block), scratch or Scratch()
    pass_ = cell.begin(first, lengths)
    shape = x.shape if x.ndim == 3 else None
    try:
        y, final, cache = checked.forward(params, x, state, lengths, pass_.forward, scratch, N_A)
        y, final = y.copy(), tuple(s.copy() for s in final)
        dparams, dx = checked.backward(
            params, cache, dy, lengths, pass_.backward, other or scratch, shape
        )
    except PluginError as error:
        raise CheckFailed(str(error)) from error
    dparams = {name: array.copy() for name, array in dparams.items()}
    return Result(y, final, pass_.final, dparams, None if dx is None else dx.copy())


def named(result: Result) -> dict[str, Array]:
    """All arrays of a result by name; no dx where it is None."""
    arrays = {"y": result.y, "the cell's state": result.cell_final}
    arrays |= {f"final state {k}": array for k, array in enumerate(result.final)}
    arrays |= {f"d{name}": array for name, array in result.dparams.items()}
    return arrays if result.dx is None else arrays | {"dx": result.dx}


def same_results(found: Result, expected: Result, what: str, dtype: Any = np.float64) -> None:
    """Raise CheckFailed unless two results agree to rounding."""
    arrays = named(found)
    for name, array in named(expected).items():
        same(arrays[name], array, f"{what}: {name}", dtype)


def exercise(block: Block, which: int) -> Results:
    """Parameters, and the results with lengths and without."""
    case = make_case(block, seed=20 + which)
    results: dict[str, Array] = {f"parameter {k}": v for k, v in case.params.items()}
    results |= named(run(case))
    return results | {f"{k} with lengths": v for k, v in named(run(case, LENGTHS)).items()}


check_process, check_history, check_other_process = isolation_checks(exercise)
check_threads = threads_check(exercise)


def _slopes(case: Case, lengths: Array | None) -> None:
    checked = CheckedBlock(case.block)

    def loss() -> float:
        pass_ = case.cell.begin(case.cell_state, lengths)
        y, _, _ = checked.forward(
            case.params, case.x, case.state, lengths, pass_.forward, Scratch(), N_A
        )
        if lengths is not None:
            y = np.where(np.arange(T)[:, None, None] < lengths, y, 0)
        return float(np.sum(y * case.dy))

    found = run(case, lengths)
    check_slopes(loss, {**case.params, "x": case.x}, {**found.dparams, "x": found.dx})


def check_gradients(block: Block) -> None:
    """The gradients of parameters and input equal central differences, in a lower and a top layer.

    They pass through the cell as well.
    """
    _slopes(make_case(block, place=LOWER), None)
    _slopes(make_case(block, seed=1, place=TOP), None)


def check_gradients_of_lengths(block: Block) -> None:
    """The gradients equal central differences where columns have different lengths."""
    if not block.embeds:
        raise NotApplicable("the block leaves padding to its cell")
    _slopes(make_case(block, seed=2), LENGTHS)


def check_ids(block: Block) -> None:
    """A block that does not embed hands ids to its cell: y is that of one-hot columns."""
    if block.embeds:
        raise NotApplicable("the block embeds: it is never given ids")
    case = make_case(block, seed=3, ids=True)
    dense = (np.arange(N_X)[:, None] == case.x[:, None]).astype(np.float64)
    found, expected = run(case), run(case, x=dense)
    same_results(found, expected._replace(dx=None), "ids against one-hot columns")


def check_bare(block: Block) -> None:
    """A block that says that it is bare gives the cell's h and gradients, bit for bit."""
    if not (isinstance(block, BareBlock) and block.is_bare):
        raise NotApplicable("the block is not bare: is_bare is not True")
    case = make_case(block, seed=12)
    found, pass_ = run(case), case.cell.begin(case.cell_state, None)
    expect(not case.params and not case.state, "it has parameters or a state")
    for name, array, expected in (
        ("y", found.y, pass_.forward(case.x)),
        ("dx", found.dx, pass_.backward(case.dy)),
    ):
        is_equal = array is not None and np.array_equal(array, expected)
        expect(is_equal, f"{name}: is not what the cell gives, though is_bare is True")


def check_step_by_step(block: Block) -> None:
    """T sequences of one step, with both states carried over, give the y of one sequence."""
    case = make_case(block, seed=4)
    whole, state, first = run(case), case.state, case.cell_state
    scratch = Scratch()
    for t in range(T):
        steps = slice(t, t + 1)
        found = run(
            case,
            None,
            scratch,
            x=case.x[steps],
            dy=case.dy[steps],
            state=state,
            cell_state=first,
        )
        same(found.y[0], whole.y[t], f"step {t} alone: y")
        state, first = found.final, found.cell_final
    for k, array in enumerate(state):
        same(array, whole.final[k], f"step by step: final state {k}")


def check_state(block: Block) -> None:
    """The initial state is zero, every part of it counts, and a final state is its own array."""
    if not block.initial_state(N_A, B, np.float64):
        raise NotApplicable("the block has no state")
    for dtype in (np.float32, np.float64):
        zero = block.initial_state(N_A, B, dtype)
        expect(not any(s.any() for s in zero), "initial_state: is not zero")
        shapes = [(s.shape, s.dtype) for s in zero]
        case, scratch = make_case(block, dtype, seed=9), Scratch()
        found = run(case)
        expect(
            [(s.shape, s.dtype) for s in found.final] == shapes, "final state: not like the first"
        )
        for k in range(len(zero)):
            moved = tuple(s + dtype(i == k) for i, s in enumerate(case.state))
            other = run(case, state=moved)
            expect(not np.array_equal(other.y, found.y), f"state {k}: has no effect on y")
        checked = CheckedBlock(block)
        pass_ = case.cell.begin(case.cell_state, None)
        _, final, _ = checked.forward(
            case.params, case.x, case.state, None, pass_.forward, scratch, N_A
        )
        kept = [s.copy() for s in final]
        run(case, None, scratch, x=case.x + 1)
        for k, (array, copy) in enumerate(zip(final, kept, strict=True)):
            expect(np.array_equal(array, copy), f"final state {k}: the next forward changed it")


def check_padding(block: Block) -> None:
    """A column in a padded batch gives what it gives alone; NaN in the padding changes nothing."""
    if not block.embeds:
        raise NotApplicable("the block leaves padding to its cell")
    case = make_case(block, seed=6)
    clean = run(case, LENGTHS)
    x, dy = case.x.copy(), case.dy.copy()
    for b, length in enumerate(LENGTHS):
        x[length:, :, b], dy[length:, :, b] = np.nan, np.nan
    found = run(case, LENGTHS, x=x, dy=dy)
    for name, array in clean.dparams.items():
        same(found.dparams[name], array, f"with NaN in the padding: d{name}")
    for b, length in enumerate(LENGTHS):
        what, column = f"column {b} of length {length} in a padded batch", slice(b, b + 1)
        if not length:
            for k, state in enumerate(case.state):
                same(found.final[k][..., b], state[..., b], f"{what}: final state {k}")
            continue
        alone = run(
            case,
            x=case.x[:length, :, column],
            dy=case.dy[:length, :, column],
            state=tuple(s[..., column] for s in case.state),
            cell_state=case.cell_state[:, column],
        )
        same(found.y[:length, :, b], alone.y[:, :, 0], f"{what}: y")
        for k, final in enumerate(alone.final):
            same(found.final[k][..., b], final[..., 0], f"{what}: final state {k}")


def check_columns_are_independent(block: Block) -> None:
    """Reordering the columns of a batch reorders the results and changes no gradient."""
    case, order = make_case(block, seed=7), np.array([2, 0, 1])
    whole = run(case)
    found = run(
        case,
        x=case.x[..., order],
        dy=case.dy[..., order],
        state=tuple(s[..., order] for s in case.state),
        cell_state=case.cell_state[:, order],
    )
    expected = whole._replace(
        y=whole.y[..., order],
        final=tuple(s[..., order] for s in whole.final),
        cell_final=whole.cell_final[:, order],
        dx=None if whole.dx is None else whole.dx[..., order],
    )
    same_results(found, expected, "columns in another order")


def check_dtypes(block: Block) -> None:
    """float32 gives float32, float64 gives float64, and the two agree to float32's rounding."""
    fine, coarse = (run(make_case(block, dtype, seed=8)) for dtype in (np.float64, np.float32))
    for result, dtype in ((fine, np.float64), (coarse, np.float32)):
        for name, array in named(result).items():
            expect(
                array.dtype == dtype,
                f"{name}: is {array.dtype} where the parameters are {np.dtype(dtype)}",
            )
    same_results(coarse, fine, "float32 against float64", np.float32)


def check_inputs_unchanged(block: Block) -> None:
    """No array that is passed in is changed."""
    case = make_case(block, seed=11)
    arrays = {**case.params, "x": case.x, "dy": case.dy}
    arrays |= {f"state {k}": s for k, s in enumerate(case.state)}
    before = {name: array.copy() for name, array in arrays.items()}
    run(case)
    run(case, LENGTHS)
    for name, array in arrays.items():
        expect(np.array_equal(array, before[name]), f"{name}: was changed in place")


def check_scratch(block: Block) -> None:
    """A used scratch, or another one for backward, gives the results of a fresh one."""
    case, scratch = make_case(block, seed=13), Scratch()
    fresh = named(run(case))
    run(case, LENGTHS, scratch)
    run(case, None, scratch, x=case.x[:3], dy=case.dy[:3])
    used, other = named(run(case, None, scratch)), named(run(case, None, scratch, Scratch()))
    for name, array in fresh.items():
        what = "depends on what the scratch held before"
        expect(np.array_equal(used[name], array), f"{name}: {what}")
        what = "differs where backward is given another scratch than forward"
        expect(np.array_equal(other[name], array), f"{name}: {what}")


def check_init(block: Block) -> None:
    """``init`` draws from its generator alone, and gives the dtype that it is asked for."""
    d = block.features(N_A)
    n_x = d if block.embeds else N_X
    expect(d >= 1 and block.cell_inputs(n_x, N_A) >= 1, "features, cell_inputs: at least 1")
    for place in (LOWER, TOP):
        check_init_of(partial(_init, block, n_x, place))


def _init(block: Block, n_x: int, place: Place, rng: np.random.Generator, dtype: Any) -> Params:
    return block.init(rng, n_x, N_A, place, dtype)


CHECKS = (
    check_gradients,
    check_gradients_of_lengths,
    check_ids,
    check_bare,
    check_step_by_step,
    check_state,
    check_padding,
    check_columns_are_independent,
    check_dtypes,
    check_inputs_unchanged,
    check_scratch,
    check_init,
    check_process,
    check_history,
    check_other_process,
    check_threads,
)

BlockSuite = make_suite("block", CHECKS)
