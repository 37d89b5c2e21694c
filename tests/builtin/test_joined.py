"""A cell and its head as one: the bits of the calls one by one, and who computes so."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from tiny import tiny

import rnnx
from rnnx.models.direct import DirectPath
from rnnx.models.joined import JoinedPath
from rnnx.models.paths import paths
from rnnx.training import session as sessions

pytestmark = pytest.mark.skipif(
    find_spec("numba") is None, reason="the extra 'fast' is not installed"
)
CELLS = (
    ("cell=vanilla",),
    ("cell=vanilla", "cell.activation=relu"),
    ("cell=lstm",),
    ("cell=gru",),
    ("cell=gru", "cell.reset_after=false"),
)
RULES = (
    ("clipper=none", "optimizer=sgd"),
    ("clipper=value", "clipper.limit=0.01", "optimizer=adam"),
    ("clipper=global_norm", "optimizer=momentum"),
    ("clipper=per_layer", "optimizer=adamw"),
    ("clipper=quantile", "optimizer=rmsprop"),
)
WAYS = (
    (),
    ("dropout=0.5", "input_dropout=0.25"),
    ("dropout=0.3", "dropout_kind=variational", "head.reduction=sequence"),
    ("dataset=text", "dataset.length=5", "state_reset=0.5"),
    ("accumulate=2",),
)


def one_by_one(*given: Any) -> tuple[Any, Any]:
    """The way of a session whose cell and head are called by themselves."""
    general, own = paths(*given)
    return general, own._direct if isinstance(own, JoinedPath) else own


def trained(overrides: list[str], monkeypatch: pytest.MonkeyPatch, way: Any) -> tuple[Any, ...]:
    """Which path was gone, and losses, parameters, states and the rules' state of some steps."""
    monkeypatch.setattr(sessions, "paths", way)
    session = rnnx.build(overrides)
    losses = [session.step() for _ in range(5)]
    arrays = [*session.weights.rules.arrays().values(), *sum(session.states, ())]
    bits = [array.tobytes() for array in arrays]
    return type(session._path), losses, session.params.flat.tobytes(), bits


@pytest.mark.parametrize("size", [("batch_size=1", "dtype=float64"), ("batch_size=6",)])
@pytest.mark.parametrize("cell", CELLS, ids=" ".join)
def test_bits_are_those_of_the_calls_one_by_one(
    cell: tuple[str, ...], size: tuple[str, ...], names: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for rules, way in zip(RULES, WAYS, strict=True):
        parts = [*cell, *size, *rules, *way, "cell.hidden_size=10", "threads=1", "backend=fast"]
        overrides = tiny(names, *parts)
        joined, direct = (trained(overrides, monkeypatch, how) for how in (paths, one_by_one))
        assert (joined[0], direct[0]) == (kind_here(), DirectPath)
        assert joined[1:] == direct[1:], parts


def kind_here() -> type:
    """What a session of this machine goes by: its NumPy may have another BLAS."""
    import numpy as np

    from rnnx_builtin.kernels.simd.blas_calls import product_address

    return JoinedPath if product_address(np.dtype(np.float32)) else DirectPath


def test_without_an_address_of_the_blas_calls_go_one_by_one(
    names: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rnnx_builtin.kernels.rnn import joined

    monkeypatch.setattr(joined, "product_address", lambda dtype: 0)
    assert way_of(names) is DirectPath


@pytest.mark.parametrize(
    "more",
    [
        ["layers=2"],
        ["threads=2"],
        ["cell.hidden_size=1"],
        ["backend=numpy"],
        ["head=adaptive_softmax"],
        ["cell=mgu"],
    ],
)
def test_other_configurations_go_one_by_one(more: list[str], names: Path) -> None:
    assert way_of(names, *more) is DirectPath


def test_a_batch_of_one_token_goes_one_by_one(names: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy computes products of a single column by another function of the BLAS."""
    given = ["dataset=text", "dataset.length=1", "batch_size=1", "dtype=float64", "cell=vanilla"]
    overrides = tiny(names, *given, "cell.hidden_size=10", "threads=1", "backend=fast")
    joined, direct = (trained(overrides, monkeypatch, how) for how in (paths, one_by_one))
    assert joined[1:] == direct[1:]


def test_calls_go_one_by_one_while_the_joined_kernels_are_compiled(
    names: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rnnx_builtin.kernels.rnn import joined_passes
    from rnnx_builtin.kernels.rnn.joined import Joined

    class Coming:
        asked = 0

        def has_ended(self) -> bool:
            self.asked += 1
            return self.asked > 2  # once in each step

    def steps() -> tuple[int, list[float], bytes]:
        made, forward = list[int](), Joined.forward

        def counted(self: Joined, *given: Any) -> Any:
            made.append(0)
            return forward(self, *given)

        with monkeypatch.context() as patched:
            patched.setattr(Joined, "forward", counted)
            session = rnnx.build(tiny(names, "cell=lstm", "threads=1", "backend=fast"))
            losses = [session.step() for _ in range(5)]
        return len(made), losses, session.params.flat.tobytes()

    joined = steps()
    monkeypatch.setattr(joined_passes.forward, "coming", Coming())
    later = steps()
    expected = (5, 3) if kind_here() is JoinedPath else (0, 0)
    assert (joined[0], later[0]) == expected
    assert later[1:] == joined[1:]
    assert joined_passes.forward.coming is None or kind_here() is DirectPath


def way_of(names: Path, *more: str) -> type:
    own = ["cell=vanilla", "cell.hidden_size=10", "threads=1", "backend=fast"]
    return type(rnnx.build(tiny(names, *own, *more))._path)


def test_kernels_are_listed_without_being_called(names: Path) -> None:
    """While a run looks at which kernels to compile, those that call others call nothing."""
    from rnnx.models import backend
    from rnnx.system.kernels import looking
    from rnnx_builtin.kernels.rnn import joined_passes, softmax

    session = rnnx.build(tiny(names, "cell=vanilla", "threads=1", "backend=fast"))
    session.step()  # the kernels that call are loaded now
    places, made = softmax.row_sums.places, dict(softmax.row_sums.overloads)
    softmax.row_sums.overloads.clear()
    places.clear()
    try:
        with looking() as calls:
            given = session.network, session.params, session.states
            backend._step(given, None, 1, backend._Zeros())
    finally:
        softmax.row_sums.overloads.update(made)
    assert "row_sums" in [call.name for call in calls]
    assert joined_passes.backward.overloads
