"""The checker checked: every check fails on a cell that is broken in that one way."""

from types import SimpleNamespace
from weakref import WeakSet

import cell_mutants
import numpy as np
import pytest
import stream_mutants
from elman import Elman
from mutants import changed_gradient, mutant

import rnnx
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.self_description import GateWords
from rnnx.testing import CheckFailed, cells
from rnnx_builtin.cells.gru import GRU
from rnnx_builtin.cells.lstm import LSTM
from rnnx_builtin.cells.vanilla import Vanilla


def no_transpose(right, params, cache, dstate):
    dparams, dx, (dh,) = right({**params, "Wh": params["Wh"].T}, cache, dstate)
    return dparams, dx, (dh,)


def bias_of_one_column(right, params, cache, dstate):
    dparams, dx, back = right(params, cache, dstate)
    h = cache[2]
    return {**dparams, "b": (dstate[0] * (1 - h * h))[:, :1]}, dx, back


def no_slope(right, params, cache, dstate):
    return right(params, (*cache[:2], np.zeros_like(cache[2])), dstate)


def ignores_final_gradient(right, params, cache, dh, dstate, scratch):
    return right(params, cache, dh, None, scratch)


def leaks_padding(right, params, cache, dh, dstate, scratch):
    dh = dh + 0.1 * (cache.lengths is not None)
    return right(params, cache._replace(lengths=None), dh, dstate, scratch)


def final_at_T(right, params, x, state, lengths, scratch):
    _, final, _ = right(params, np.nan_to_num(x), state, None, scratch)
    h, _, cache = right(params, x, state, lengths, scratch)
    return h, final, cache


def not_zero_beyond(right, params, x, state, lengths, scratch):
    h, final, cache = right(params, x, state, lengths, scratch)
    return np.where(h == 0, 0.5, h), final, cache


def forgets_state(right, params, x, state, lengths, scratch):
    return right(params, x, tuple(np.zeros_like(s) for s in state), lengths, scratch)


def late_by_one(right, params, x, state, lengths, scratch):
    x = np.concatenate([x[:1], x[:-1]])
    return right(params, x, state, lengths, scratch)


def damages_input(right, params, x, state, lengths, scratch):
    state[0][...] *= 1.5
    return right(params, x, state, lengths, scratch)


def global_randomness(right, params, x, state, lengths, scratch):
    return right(params, x + 1e-3 * np.random.randn(), state, lengths, scratch)


def global_init(right, rng, n_x, dtype):
    np.random.rand()
    return right(rng, n_x, dtype)


def wide_dtype(right, params, x, state, lengths, scratch):
    h, final, cache = right(params, x, state, lengths, scratch)
    return h.astype(np.float64), final, cache


def mixes_columns(right, params, x, state, lengths, scratch):
    if x.ndim == 3:
        x = x + 0.1 * np.arange(x.shape[-1])
    return right(params, x, state, lengths, scratch)


USED: WeakSet[Scratch] = WeakSet()


def trusts_scratch(right, params, x, state, lengths, scratch):
    h, final, cache = right(params, x, state, lengths, scratch)
    used = scratch in USED  # no mark in its memory: what is fresh may hold one that was freed
    USED.add(scratch)
    return h * (1 + 1e-6 * used), final, cache


def last_id_for_none(right, params, x, state, lengths, scratch):
    if x.ndim == 2:
        x = np.where(x < 0, params["Wx"].shape[1] - 1, x)
    return right(params, x, state, lengths, scratch)


def dx_of_ids(right, params, cache, dh, dstate, scratch):
    dparams, dx, back = right(params, cache, dh, dstate, scratch)
    return dparams, dh if dx is None else dx, back


def state_of_ones(right, B, dtype):
    return tuple(np.ones_like(s) for s in right(B, dtype))


def no_parameters(right, rng, n_x, dtype):
    return {}


def only_long(right, params, x, state, lengths, scratch):
    h, final, cache = right(params, x, state, lengths, scratch)
    return (h if len(h) > 1 else h[0]), final, cache


def unused_parameter(right, rng, n_x, dtype):
    return {**right(rng, n_x, dtype), "unused": np.ones((1, 1), dtype)}


def no_gradient_of_it(right, params, cache, dstate):
    dparams, dx, back = right(params, cache, dstate)
    return {**dparams, "unused": np.zeros_like(params["unused"])}, dx, back


def deaf_forward(right, params, x, state, lengths, scratch):
    return right({**params, "Wh": np.zeros_like(params["Wh"])}, x, state, lengths, scratch)


def deaf_backward(right, params, cache, dh, dstate, scratch):
    dparams, dx, back = right(
        {**params, "Wh": np.zeros_like(params["Wh"])}, cache, dh, dstate, scratch
    )
    return {**dparams, "Wh": np.zeros_like(params["Wh"])}, dx, back


def three_columns(right, params, x, state, lengths, scratch):
    h, final, cache = right(params, x, state, lengths, scratch)
    h[..., 3:] = 0
    return h, final, cache


def overflows(right, params, x, state, lengths, scratch):
    with np.errstate(all="ignore"):
        h, final, cache = right(params, x, state, lengths, scratch)
        bad = np.where(np.abs(state[0]).max() > 10, np.nan, 0).astype(h.dtype)
    return h + bad, final, cache


def no_state(right, B, dtype):
    return ()


def form_of(change):
    """``compiled`` of a form whose ``forward`` is ``change(right's forward, threads, …)``."""

    def compiled(right, threads):
        base = Vanilla(20)
        return SimpleNamespace(forward=lambda *given: change(base.forward, threads, *given))

    return compiled


def form_off_by_a_bit(forward, threads, params, x, state, lengths, scratch):
    h, final, cache = forward(params, x, state, lengths, scratch)
    return h * (1 + 1e-15 * (threads - 1)), final, cache


def form_without_state(forward, threads, params, x, state, lengths, scratch):
    return forward(params, x, (np.zeros_like(state[0]),), lengths, scratch)


def form_damages_input(forward, threads, params, x, state, lengths, scratch):
    result = forward(params, x, state, lengths, scratch)
    params["b"] += 1e-12
    return result


def form_trusts_scratch(forward, threads, params, x, state, lengths, scratch):
    return trusts_scratch(forward, params, x, state, lengths, scratch)


def saying(base, **attributes):
    """A cell that says something else of itself."""
    return type("Mutant", (base,), attributes)()


MUTANTS = cell_mutants.ISOLATION | {
    "check_gradients": [
        mutant(Elman, step_back=no_transpose),
        mutant(Elman, step_back=bias_of_one_column),
        mutant(Elman, step_back=no_slope),
        mutant(LSTM, backward=changed_gradient("Wh", lambda d: -d)),
        mutant(LSTM, backward=changed_gradient("b", lambda d: d * 1.001)),
        mutant(GRU, backward=changed_gradient("bn", lambda d: 0 * d)),
        mutant(Vanilla, backward=changed_gradient("Wx", lambda d: d + 1e-4)),
        mutant(LSTM, backward=ignores_final_gradient),
        mutant(Elman, init=no_parameters),
    ],
    "check_gradients_of_ids": [
        mutant(Vanilla, backward=dx_of_ids),
        mutant(LSTM, backward=changed_gradient("Wx", lambda d: np.roll(d, 1, axis=1))),
    ],
    "check_gradients_of_lengths": [
        mutant(Elman, backward=leaks_padding),
        mutant(LSTM, forward=final_at_T),
    ],
    "check_ids_are_one_hot": [mutant(Vanilla, forward=last_id_for_none)],
    "check_step_by_step": [mutant(GRU, forward=forgets_state), mutant(Elman, forward=late_by_one)],
    "check_two_chunks": [
        mutant(LSTM, forward=forgets_state),
        mutant(GRU, backward=ignores_final_gradient),
    ],
    "check_padding": [
        mutant(LSTM, forward=final_at_T),
        mutant(GRU, forward=not_zero_beyond),
        mutant(Elman, backward=leaks_padding),
    ],
    "check_columns_are_independent": [mutant(Elman, forward=mixes_columns)],
    "check_dtypes": [mutant(Vanilla, forward=wide_dtype)],
    "check_state": [
        mutant(LSTM, initial_state=state_of_ones),
        mutant(Elman, initial_state=no_state),
    ],
    "check_no_final_gradient": [
        mutant(
            Elman,
            backward=lambda right, p, c, dh, ds, s: right(p, c, dh + (ds is None), ds, s),
        )
    ],
    "check_inputs_unchanged": [mutant(GRU, forward=damages_input)],
    "check_determinism": [
        mutant(Elman, forward=global_randomness),
        mutant(Elman, init=global_init),
    ],
    "check_scratch": [mutant(LSTM, forward=trusts_scratch)],
    "check_small_shapes": [mutant(Vanilla, forward=only_long)],
    "check_stream": [
        *(mutant(base, stream=broken) for base, broken in stream_mutants.STREAMS),
    ],
    "check_gates": [
        *cell_mutants.ISOLATION["check_gates"],
        mutant(LSTM, gates=lambda right, cache: {}),
        mutant(LSTM, gates=lambda right, cache: {"g": cache.gates[:, -4:]}),
        mutant(GRU, gates=lambda right, cache: {"r": right(cache)["r"][:-1]}),
        saying(GRU, gate_words={"z": GRU.gate_words["z"]}),
        saying(GRU, gate_words={"r": "hides the state", "z": "keeps it"}),
        saying(GRU, gate_words=GRU.gate_words | {"r": GateWords("hides the state", "")}),
    ],
    "check_multiplications": [
        saying(LSTM, multiplications=lambda self, n_x: 4 * self.hidden_size * n_x),
    ],
    "check_compiled": [
        mutant(Vanilla, compiled=form_of(form_without_state)),
        mutant(Vanilla, compiled=form_of(form_off_by_a_bit)),
        mutant(Vanilla, compiled=form_of(form_damages_input)),
        mutant(Vanilla, compiled=form_of(form_trusts_scratch)),
        mutant(Vanilla, compiled=lambda right, threads: object()),
    ],
    "check_any_shape": [
        mutant(Elman, forward=three_columns),
        mutant(Vanilla, forward=overflows),
        mutant(GRU, forward=not_zero_beyond),
        mutant(Vanilla, forward=wide_dtype),
        mutant(Elman, forward=global_randomness),
    ],
    "check_everything_has_a_say": [
        mutant(Elman, init=unused_parameter, step_back=no_gradient_of_it),
        mutant(LSTM, forward=deaf_forward, backward=deaf_backward),
    ],
}


@pytest.mark.parametrize(
    ("name", "which"), [(name, i) for name, them in MUTANTS.items() for i in range(len(them))]
)
def test_a_broken_cell_is_caught(name: str, which: int) -> None:
    with pytest.raises(CheckFailed) as caught:
        getattr(cells, name)(MUTANTS[name][which])
    assert str(caught.value)


class TestElman(rnnx.testing.CellSuite):
    """The right one passes everything: the easy road gives the whole contract."""

    component = Elman()


def test_the_easy_road_gives_what_the_built_in_cell_gives() -> None:
    easy, fast = Elman(4), Vanilla(4)
    for seed, ids in ((0, False), (1, True)):
        case = cells.make_case(easy, seed=seed, ids=ids)
        lengths = np.array([5, 1, 3])
        cells.same_results(
            cells.run(case, lengths), cells.run(case._replace(cell=fast), lengths), "easy"
        )


def test_a_suite_without_a_component_fails() -> None:
    class Forgotten(rnnx.testing.CellSuite):
        pass

    with pytest.raises(CheckFailed, match="set component"):
        Forgotten().test_gradients()


def test_a_failure_names_the_parameter_and_both_numbers() -> None:
    with pytest.raises(CheckFailed, match=r"Wh\[\d+, \d+\]: the gradient is .* differences say"):
        cells.check_gradients(MUTANTS["check_gradients"][3])
