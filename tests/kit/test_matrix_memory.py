"""A plugin whose state is matrices and numbers: it can do all that a state of vectors can."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matrix_memory
import numpy as np
import pytest
from killed_at import KilledAt
from matrix_memory import MatrixMemory
from mutants import mutant
from run_equality import assert_same_run
from tiny import tiny

import rnnx
from rnnx import autodiff
from rnnx.cli.check import check
from rnnx.config.compose import compose
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.execution import NUMPY
from rnnx.errors import PluginError
from rnnx.models import evaluation, size
from rnnx.models.generation import generate
from rnnx.models.network import Network, restart
from rnnx.models.streaming import select
from rnnx.registry.checks import CheckedCell
from rnnx.runs.folder import RunFolder
from rnnx.testing import CheckFailed, cells
from rnnx.testing.suite import conduct
from rnnx.training.report import Silent
from rnnx.training.resume import resume
from rnnx.training.run import train
from rnnx_builtin.heads.softmax import Softmax
from rnnx_builtin.samplers.categorical import Categorical

SOURCE = Path(matrix_memory.__file__).read_text("utf-8")
TEXT = ["cell=matrix_memory", "dataset=text", "dataset.length=5", "state_reset=0.3", "layers=2"]


def network() -> tuple[Network, rnnx.Parameters]:
    made = Network(MatrixMemory(6), Softmax(), 5, layers=2)
    return made, made.init(np.random.default_rng(0), np.float64)


def states_of(made: Network, B: int) -> tuple[rnnx.State, ...]:
    rng = np.random.default_rng(1)
    zeros = made.initial_state(B, np.float64)
    return tuple(tuple(rng.normal(size=a.shape) for a in state) for state in zeros)


def test_the_kit_finds_nothing_wrong_with_it(
    install: Callable[..., object], capsys: pytest.CaptureFixture[str]
) -> None:
    install(SOURCE, "matrices")
    code = check("cell", "matrix_memory", ["hidden_size=5"])
    said = capsys.readouterr().out
    assert code == 0, said
    assert " 0 failed" in said and "matrix_memory of matrices 1.0" in said


def test_a_column_is_restarted_and_selected_whole() -> None:
    made, _ = network()
    states, zeros = states_of(made, 4), made.initial_state(4, np.float64)
    begun, chosen = restart(states, zeros, np.array([1, 3])), select(states, np.array([2, 0]))
    by_mask = select(states, np.array([True, False, True, False]))
    for k, state in enumerate(states):
        for place, array in enumerate(state):
            assert not begun[k][place][..., [1, 3]].any()
            np.testing.assert_array_equal(begun[k][place][..., [0, 2]], array[..., [0, 2]])
            np.testing.assert_array_equal(chosen[k][place], array[..., [2, 0]])
            np.testing.assert_array_equal(by_mask[k][place], array[..., [0, 2]])


def derived() -> object:
    """The same cell, its backward derived."""
    np_ = autodiff.np

    def step(self, params, x, state):
        n, (_, S, m) = self.hidden_size, state
        z = np_.dot(params["Wx"], x) + params["b"]
        q, k, v, f = z[:n], z[n : 2 * n] / n, z[2 * n : 3 * n], 1 / (1 + np_.exp(-z[3 * n]))
        new, mass = f * S + v[:, None] * k, f * m + 1
        return np_.einsum("ijb,jb->ib", new, q) / (1 + mass * mass), new, mass

    own = {"step": step, "init": MatrixMemory.init, "initial_state": MatrixMemory.initial_state}
    cls = type("Derived", (), {**own, "__init__": lambda self: None, "hidden_size": 4})
    return autodiff.unroll(cls)()


def test_a_derived_backward_is_the_written_one() -> None:
    cell, other, rng, lengths = MatrixMemory(4), derived(), np.random.default_rng(2), [3, 0, 2]
    params, x = cell.init(rng, 3, np.float64), rng.normal(size=(3, 3, 3))
    state = tuple(rng.normal(size=a.shape) for a in cell.initial_state(3, np.float64))
    dh, dstate = rng.normal(size=(3, 4, 3)), tuple(rng.normal(size=a.shape) for a in state)
    found = []
    for one in (cell, other):
        h, final, cache = one.forward(params, x, state, np.array(lengths), Scratch())
        dparams, dx, before = one.backward(params, cache, dh, dstate, Scratch())
        found.append([h, *final, *dparams.values(), dx, *before])
    for one, two in zip(*found, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-10, atol=1e-12)


def test_texts_that_end_leave_the_batch_with_their_matrices() -> None:
    made, params = network()

    def texts(end: int | None) -> list[list[int]]:
        rng = np.random.default_rng(3)
        return generate(made, params, Categorical(), rng, 30, 12, end=end)

    whole = [text[: text.index(0)] if 0 in text else text for text in texts(None)]
    assert texts(0) == whole  # the sampler draws for every text until the last has ended


@pytest.mark.parametrize("more", [TEXT, ["cell=matrix_memory", "averaging=0.9"]])
def test_it_trains_and_goes_on_after_a_kill_bit_for_bit(
    more: Sequence[str], names: Path, install: Callable[..., object]
) -> None:
    install(SOURCE, "matrices")
    overrides = tiny(names, *more, "steps=24", "checkpoint.every=5", "probe=distributions")
    killed = KilledAt(16)
    whole = train(compose(overrides), killed)
    assert whole.metrics["val/loss"] < np.log(13)  # better than every symbol alike
    assert len(whole.model.sample(3)) == 3
    ended = resume(RunFolder(killed.left), Silent())
    assert_same_run(ended.folder, whole.folder)


def test_a_state_whose_last_axis_is_not_b_is_refused() -> None:
    def transposed(right, B, dtype):
        h, S, m = right(B, dtype)
        return h, S.transpose(2, 0, 1), m

    wrong = mutant(MatrixMemory(4), initial_state=transposed)
    with pytest.raises(PluginError, match=r"part 1 is \(3, 4, 4\).*expected \(3, 4, 3\)"):
        CheckedCell(wrong, NUMPY).initial_state(3, np.float64)
    with pytest.raises(CheckFailed, match="the last axis is B"):
        conduct(cells.check_state, wrong)


def final_matrix_of_the_last_step(right, params, x, state, lengths, scratch):
    h, final, cache = right(params, x, state, lengths, scratch)
    _, whole, _ = right(params, np.nan_to_num(x), state, None, Scratch())
    return h, (final[0], whole[1], final[2]), cache


def matrices_of_neighbours(right, params, x, state):
    h, S, m = state
    return right(params, x, (h, np.roll(S, 1, axis=-1), m))


def transposed_gradient(right, params, cache, dstate):
    dparams, dx, (dh, dS, dm) = right(params, cache, dstate)
    return dparams, dx, (dh, dS.swapaxes(0, 1), dm)


def number_without_gradient(right, params, cache, dstate):
    dh, dS, dm = dstate
    return right(params, cache, (dh, dS, 0 * dm))


@pytest.mark.parametrize(
    ("named", "methods"),
    [
        ("check_padding", {"forward": final_matrix_of_the_last_step}),
        ("check_columns_are_independent", {"step": matrices_of_neighbours}),
        ("check_any_shape", {"step": matrices_of_neighbours}),
        ("check_gradients", {"step_back": transposed_gradient}),
        ("check_gradients_of_lengths", {"step_back": number_without_gradient}),
    ],
)
def test_a_wrong_matrix_fails_a_named_check(named: str, methods: dict[str, Any]) -> None:
    with pytest.raises(CheckFailed):
        conduct(getattr(cells, named), mutant(MatrixMemory(4), **methods))


def test_a_batch_of_matrices_is_known_to_be_large() -> None:
    made = Network(MatrixMemory(64), Softmax(), 5)
    vectors = Network(MatrixMemory(1), Softmax(), 5)
    assert size.wide_state(made) == 64 * 64
    matrix = 8 * 64 * 64  # bytes
    assert evaluation.places(made, np.float64) * matrix <= evaluation.BUDGET
    assert evaluation.places(vectors, np.float64) * matrix > evaluation.BUDGET
    params = made.init(np.random.default_rng(0), np.float64)
    assert size.step_bytes(made, params, 500, 32) > 500 * 32 * 64 * 64 * 8
