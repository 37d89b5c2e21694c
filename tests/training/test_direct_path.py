"""The calls of a step that are bound once: which networks have them, and the same bits."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny import tiny

import rnnx
from rnnx.errors import PluginError
from rnnx.models import paths as ways
from rnnx.models.direct import DirectPath, NetworkPath
from rnnx.training import session as sessions
from rnnx.training.session import Session
from rnnx_builtin.cells.vanilla import Vanilla

CELLS = ("vanilla", "lstm", "gru")
CLIPPERS = ("none", "value", "global_norm", "per_layer", "adaptive", "quantile")
OPTIMIZERS = ("sgd", "momentum", "adam", "adamw", "lion", "rmsprop", "adagrad", "nadam", "radam")
SHAPES = (
    ("layers=2",),
    ("dropout=0.5", "input_dropout=0.25", "layers=2"),
    ("dropout=0.3", "dropout_kind=variational"),
    ("batch_size=1", "dtype=float64"),
    ("dataset=text", "dataset.length=5", "state_reset=0.5"),
    ("accumulate=2", "head.reduction=sequence"),
)


def general(*given: Any) -> tuple[NetworkPath, NetworkPath]:
    path = NetworkPath(*given)
    return path, path


def trained(overrides: list[str], monkeypatch: pytest.MonkeyPatch, way: Any) -> tuple[Any, ...]:
    """Losses, parameters and the rules' state of some steps by this way."""
    monkeypatch.setattr(sessions, "paths", way)
    session = rnnx.build(overrides)
    losses = [session.step() for _ in range(4)]
    state = [array.tobytes() for array in session.weights.rules.arrays().values()]
    return losses, session.params.flat.tobytes(), state


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(
    st.sampled_from(CELLS),
    st.sampled_from(CLIPPERS),
    st.sampled_from(OPTIMIZERS),
    st.sampled_from(SHAPES),
)
def test_bits_are_those_of_the_network(
    names: Path,
    monkeypatch: pytest.MonkeyPatch,
    cell: str,
    clipper: str,
    optimizer: str,
    shape: tuple[str, ...],
) -> None:
    parts = [f"cell={cell}", f"clipper={clipper}", f"optimizer={optimizer}", "backend=numpy"]
    overrides = tiny(names, *parts, "cell.hidden_size=8", *shape)
    way = ways.paths
    assert trained(overrides, monkeypatch, way) == trained(overrides, monkeypatch, general)


@pytest.mark.parametrize("shape", [("batch_size=1",), ("layers=2", "dropout=0.5")])
def test_compiled_bits_are_those_of_the_network(
    names: Path, monkeypatch: pytest.MonkeyPatch, shape: tuple[str, ...]
) -> None:
    pytest.importorskip("numba")
    overrides, way = tiny(names, "cell=lstm", "backend=fast", *shape), ways.paths
    assert trained(overrides, monkeypatch, way) == trained(overrides, monkeypatch, general)


@pytest.mark.parametrize(
    "more",
    [
        ["block=residual"],
        ["zoneout=0.1"],
        ["weight_dropout=0.1"],
        ["initial_state=learned"],
        ["head.tied=true", "block=prenorm"],
    ],
)
def test_what_stands_around_a_cell_needs_the_network(more: list[str], names: Path) -> None:
    session = rnnx.build(tiny(names, *more))
    assert type(session._path) is NetworkPath


def test_bare_cells_go_directly(names: Path) -> None:
    session = rnnx.build(tiny(names, "layers=2", "dropout=0.5"))
    assert type(session._path) is DirectPath


@dataclass(frozen=True)
class LateFault(Vanilla):
    """A cell whose gradient has another shape once it was asked often enough."""

    asked: list[int] = None  # type: ignore[assignment]

    def compiled(self, threads: int) -> Any:
        return None

    def backward(self, *given: Any) -> Any:
        dparams, dx, dstate = super().backward(*given)
        self.asked.append(0)
        if len(self.asked) == 3:
            dparams["b"] = dparams["b"][:-1]
        return dparams, dx, dstate


def test_a_late_fault_of_a_plugins_cell_is_named(
    names: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = rnnx.build(tiny(names, "cell=vanilla"))
    monkeypatch.setattr(
        sessions, "components_from", lambda config: swapped(session, LateFault(8, asked=[]))
    )
    session = Session(session.config, session.corpus)
    assert type(session._path) is DirectPath
    for _ in range(2):
        assert np.isfinite(session.step())
    with pytest.raises(PluginError, match=r"LateFault: backward: db is \(7, 1\) of float32"):
        session.step()


def swapped(session: Session, cell: Any) -> Any:
    """The components of a session with another cell."""
    return replace(session.components, cell=cell)
