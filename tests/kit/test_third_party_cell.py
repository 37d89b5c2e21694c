"""A plugin as a stranger writes it, of a kind of cell that rnnx has none of: no false alarm."""

from collections.abc import Callable
from pathlib import Path

import lru
import numpy as np
from tiny import tiny

import rnnx
from rnnx.cli.check import check
from rnnx.contracts.buffers import Scratch

SOURCE = Path(lru.__file__).read_text("utf-8")


def test_the_cell_computes_the_recurrence_in_complex_numbers() -> None:
    cell, rng, T, B = lru.LRU(5), np.random.default_rng(0), 7, 3
    params = cell.init(rng, 4, np.float64)
    x = rng.normal(size=(T, 4, B))
    h, state, _ = cell.forward(params, x, cell.initial_state(B, np.float64), None, Scratch())
    eigenvalue = np.exp(-np.exp(params["nu"]) + 1j * np.exp(params["theta"]))
    into = params["Wx"][:5] + 1j * params["Wx"][5:]
    out = params["C"][:, :5] + 1j * params["C"][:, 5:]
    s = np.zeros((5, B), np.complex128)
    for t in range(T):
        s = eigenvalue * s + np.exp(params["gamma"]) * (into @ x[t])
        np.testing.assert_allclose(h[t], (out @ s).real + params["D"] @ x[t], atol=1e-12)
    np.testing.assert_allclose(state[1] + 1j * state[2], s, atol=1e-12)


def test_the_kit_finds_nothing_wrong_with_it(
    install: Callable[..., object], capsys: object
) -> None:
    install(SOURCE, "acme")
    code = check("cell", "rotations", ["hidden_size=6"])
    said = capsys.readouterr().out  # type: ignore[attr-defined]
    assert code == 0, said
    assert " 0 failed" in said and "rotations of acme 1.0" in said


def test_it_trains_and_samples(install: Callable[..., object], names: Path) -> None:
    install(SOURCE, "acme")
    run = rnnx.train(tiny(names, "cell=rotations", "layers=2", "steps=30", "eval_every=10"))
    assert run.metrics["val/loss"] < np.log(13)  # better than every symbol alike
    assert len(run.model.sample(3)) == 3
