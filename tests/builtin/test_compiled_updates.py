"""Compiled clippers and optimizers: the bits of NumPy's, and when their kernels are loaded."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba", reason="the extra 'fast' is not installed")

from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.execution import NUMPY, Execution
from rnnx.registry.update_checks import try_update
from rnnx_builtin.clippers.value import Value
from rnnx_builtin.optimizers.adam import Adam
from rnnx_builtin.optimizers.adamw import AdamW
from rnnx_builtin.optimizers.momentum import Momentum
from rnnx_builtin.optimizers.sgd import SGD

OPTIMIZERS = (SGD(), Momentum(), Momentum(nesterov=True), Adam(), AdamW())
DTYPES = (np.float32, np.float64)


def numbers(dtype: Any, seed: int) -> Parameters:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(333, 1)) * 10.0 ** rng.integers(-20, 5, (333, 1))
    return Parameters({"layer0": {"Wx": values}}, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_an_update_has_the_bits_of_numpy(optimizer: Any, dtype: Any) -> None:
    found = []
    for execution in (NUMPY, Execution(compiled=True)):
        update = execution.method(optimizer, "update")
        assert (update.__self__ is optimizer) == (execution is NUMPY)
        params, scratch = numbers(dtype, 0), Scratch()
        state = optimizer.init(params)
        for step in range(1, 30):
            update(params, numbers(dtype, step), state, 0.3 / step, step, scratch)
        found.append([params.flat.tobytes(), *(array.tobytes() for array in state.values())])
    assert found[0] == found[1]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("limit", [1e-3, 0.1, 1e9])
def test_a_clipped_gradient_has_the_bits_of_numpy(limit: float, dtype: Any) -> None:
    clipper, one, other = Value(limit), numbers(dtype, 0), numbers(dtype, 0)
    norm = one.norm()
    assert clipper.compiled(1).clip(one, norm) == clipper.clip(other, norm)
    assert one.flat.tobytes() == other.flat.tobytes()
    for unclipped in (limit, np.inf):
        assert clipper.compiled(1).clip(numbers(dtype, 0), unclipped) is False


class Coming:
    """Kernels that are being compiled."""

    def has_ended(self) -> bool:
        return False


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_an_optimizer_moves_while_its_kernel_is_compiled(
    optimizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    form, calls = optimizer.compiled(1), list[Any]()
    monkeypatch.setattr(type(optimizer), "update", lambda *given: calls.append(given))
    monkeypatch.setattr(form.kernel, "coming", Coming())
    params = numbers(np.float64, 0)
    given = params, params.copy(), optimizer.init(params), 0.1, 2, Scratch()
    form.update(*given)
    assert calls == [(optimizer, *given)]


def test_a_clipper_clips_while_its_kernel_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    from rnnx_builtin.kernels.update.clipping import clip_values

    monkeypatch.setattr(clip_values, "coming", Coming())
    monkeypatch.setattr(Value, "clip", lambda self, grads, norm: "clipped by itself")
    assert Value(0.5).compiled(1).clip(numbers(np.float64, 0), 1.0) is True


@dataclass(frozen=True)
class Unmoved(SGD):
    """It inherits ``compiled``, which does what SGD does."""

    def update(self, *given: Any) -> None:
        pass


@dataclass(frozen=True)
class Renamed(SGD):
    """It changes nothing that the form computes."""

    def init(self, params: Parameters) -> dict[str, Any]:
        return super().init(params)


def test_a_class_that_changes_a_method_computes_by_itself() -> None:
    own, inherited = Unmoved(), Renamed()
    compiled = Execution(compiled=True)
    assert compiled.method(own, "update") == own.update
    assert compiled.method(inherited, "update") != inherited.update


@dataclass
class Seen:
    """A clipper and an optimizer whose forms note what they are called with."""

    learning_rate: float = 0.1
    calls: list[tuple[str, int]] = field(default_factory=list)

    def compiled(self, threads: int) -> "Seen":
        return self

    def clip(self, grads: Parameters, norm: float) -> bool:
        self.calls.append(("clip", grads.size))
        return False

    def init(self, params: Parameters) -> dict[str, Any]:
        return {"v": params.flat.copy()}

    def update(self, params: Parameters, grads: Any, state: Any, *rest: Any) -> None:
        self.calls.append(("update", state["v"].size))


def test_a_try_calls_compiled_forms_with_two_numbers() -> None:
    clipper, optimizer = Seen(), Seen()
    try_update(clipper, optimizer, NUMPY, np.float64)
    assert not clipper.calls and not optimizer.calls
    try_update(clipper, optimizer, Execution(compiled=True), np.float64)
    assert (clipper.calls, optimizer.calls) == ([("clip", 2)], [("update", 2)])
