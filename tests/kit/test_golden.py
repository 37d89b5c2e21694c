"""Golden vectors: a cell that is right in itself, and another cell, fails this one check."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elman import Elman
from mutants import changed_gradient, mutant

import rnnx
from rnnx.registry.manager import CORE, registry
from rnnx.testing import CHECKS, CheckFailed, NotApplicable
from rnnx.testing.cells import check_golden
from rnnx.testing.suite import conduct
from rnnx_builtin.cells.gru import GRU

ROOT = Path(__file__).resolve().parents[2]
OF_A_GRU = ROOT / "plugins/rnnx_builtin/cells/golden/gru.json"
SLOW = ("check_threads", "check_any_shape", "check_other_process")  # these compare it with itself
CELLS = [e.component for e in registry() if e.kind == "cell" and e.owner.distribution == CORE]


def flipped(params: rnnx.Params) -> rnnx.Params:
    """Parameters of a GRU whose z is 1 − z: σ(−a) = 1 − σ(a)."""
    n = params["Wh"].shape[1]
    found = {name: array.copy() for name, array in params.items()}
    for name in ("Wx", "Wh", "b"):
        found[name][n : 2 * n] *= -1
    return found


class Writing(GRU):
    """A GRU whose z writes the candidate, as some papers have it."""

    def forward(self, params: rnnx.Params, *given: Any) -> Any:
        return super().forward(flipped(params), *given)

    def backward(self, params: rnnx.Params, *given: Any) -> Any:
        dparams, dx, dstate0 = super().backward(flipped(params), *given)
        return flipped(dparams), dx, dstate0

    def stream(self, params: rnnx.Params, scratch: rnnx.Scratch) -> Any:
        return super().stream(flipped(params), scratch)

    def compiled(self, threads: int) -> None:
        return None


def test_a_cell_of_another_convention_fails_this_check_alone() -> None:
    failed = []
    for check in CHECKS["cell"]:
        if check.__name__ in SLOW:
            continue
        try:
            conduct(check, Writing())
        except CheckFailed:
            failed.append(check)
        except NotApplicable:
            pass
    assert failed == [check_golden]


def forgets_a_step(right: Callable[..., Any], params: Any, x: Any, *given: Any) -> Any:
    h, final, cache = right(params, x, *given)
    return h, (final[0] * (1 + 1e-6),), cache


def without_dstate0(right: Callable[..., Any], *given: Any) -> Any:
    dparams, dx, (dh,) = right(*given)
    return dparams, dx, (0 * dh,)


def without_dx(right: Callable[..., Any], *given: Any) -> Any:
    dparams, _, dstate0 = right(*given)
    return dparams, None, dstate0


def test_each_part_is_compared() -> None:
    scaled = changed_gradient("bn", lambda d: d * (1 + 1e-6))
    for broken, part in (
        (mutant(GRU, forward=forgets_a_step), "final 0"),
        (mutant(GRU, backward=scaled), "dbn"),
        (mutant(GRU, backward=without_dstate0), "dstate0 0"),
        (mutant(GRU, backward=without_dx), "no dx"),
    ):
        with pytest.raises(CheckFailed, match=f"gru.json, torch.nn.GRUCell of PyTorch .*{part}"):
            check_golden(broken)


def naming(*golden: object) -> Any:
    return type("Naming", (GRU,), {"golden": tuple(map(str, golden))})()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"source": " "}, "source says nothing"),
        ({"script": None}, "has no script"),
        ({"h": None}, "has no h"),
        ({"dparams": {}}, "gradients of Wx, Wh, b, bn, expected of"),
        ({"params": {"Wx": [[1.0]]}}, "its params are"),
        ({"fields": {"hidden_size": 0}}, "refuses the fields: hidden_size=0"),
        ({"fields": {"hidden_size": 5, "bias": 1}}, "refuses the fields"),
    ],
)
def test_a_file_that_compares_nothing_fails(
    change: dict[str, Any], said: str, tmp_path: Path
) -> None:
    made = {**json.loads(OF_A_GRU.read_text("utf-8")), **change}
    file = tmp_path / "gru.json"
    file.write_text(json.dumps({k: v for k, v in made.items() if v is not None}))
    with pytest.raises(CheckFailed, match=said):
        check_golden(naming(file))


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(CheckFailed, match=r"there is no file .*lost\.json"):
        check_golden(naming("lost.json"))
    file = Path("text.json")
    file.write_text("none")
    with pytest.raises(CheckFailed, match=r"text.json: is no JSON"):
        check_golden(naming(file.resolve()))


def test_a_cell_without_one_is_told_so() -> None:
    with pytest.raises(NotApplicable, match="names no golden vectors"):
        check_golden(Elman())


def files(cls: Any) -> list[Path]:
    """The golden files of a cell's class."""
    module = sys.modules[cls.__module__].__file__
    return [Path(str(module)).parent / name for name in getattr(cls, "golden", ())]


@pytest.mark.parametrize("cls", list(filter(files, CELLS)), ids=lambda cls: cls.__name__)
def test_the_cells_of_the_wheel_compute_what_others_do(cls: Any) -> None:
    check_golden(cls())
    for file in files(cls):
        made = json.loads(file.read_text("utf-8"))
        assert (ROOT / made["script"]).is_file()
        assert np.shape(made["x"])[::2] == (7, 3)


def test_every_file_belongs_to_a_cell() -> None:
    there = set((ROOT / "plugins").glob("rnnx_*/**/golden/*.json"))
    assert {file for cls in CELLS for file in files(cls)} == there
    assert len(there) >= 22
