"""sLSTM and mLSTM as the package xlstm computes them without a GPU, for the bench.

    pip install --no-deps xlstm==2.0.6

Its other dependencies are for training and for kernels, which the package compiles when it is
imported: the files with its plain PyTorch code are loaded alone.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

import torch

CELLS = ("slstm", "mlstm")
SLSTM, MLSTM = "xlstm/blocks/slstm/src/vanilla/__init__.py", "xlstm/blocks/mlstm/backends.py"
Layer = Callable[[torch.Tensor], torch.Tensor]
"""h (T, B, n_a) of x (T, B, n_x)."""


def is_installed() -> bool:
    try:
        return bool(distribution("xlstm").version)
    except PackageNotFoundError:
        return False


def layer(name: str, n_x: int, n_a: int) -> tuple[Layer, list[torch.Tensor]]:
    """One layer and its parameters, drawn as a Linear's are."""
    return {"slstm": _slstm, "mlstm": _mlstm}[name](n_x, n_a)


def _slstm(n_x: int, n_a: int) -> tuple[Layer, list[torch.Tensor]]:
    plain = _loaded(SLSTM)
    inputs = torch.nn.Linear(n_x, 4 * n_a, bias=False)
    R = torch.nn.Parameter(torch.randn(1, 4 * n_a, n_a) * n_a**-0.5)
    b = torch.nn.Parameter(torch.zeros(4 * n_a))

    def run(x: torch.Tensor) -> torch.Tensor:
        states = torch.zeros(4, x.shape[1], n_a)
        found, _, _ = plain.slstm_forward(
            inputs(x), states, R, b, plain.slstm_forward_pointwise_slstm
        )
        h: torch.Tensor = found[0, 1:]
        return h

    return run, [*inputs.parameters(), R, b]


def _mlstm(n_x: int, n_a: int) -> tuple[Layer, list[torch.Tensor]]:
    """One head; the parallel form, the faster of its two plain ones at these lengths."""
    plain = _loaded(MLSTM)
    inputs, gates = torch.nn.Linear(n_x, 4 * n_a), torch.nn.Linear(3 * n_a, 2)

    def run(x: torch.Tensor) -> torch.Tensor:
        q, k, v, o = inputs(x.transpose(0, 1)).split(n_a, -1)  # (B, T, n_a)
        i, f = gates(torch.cat([q, k, v], -1)).split(1, -1)
        heads = (one[:, None] for one in (q, k, v, i, f))
        h: torch.Tensor = torch.sigmoid(o) * plain.parallel_stabilized_simple(*heads)[:, 0]
        return h.transpose(0, 1)

    return run, [*inputs.parameters(), *gates.parameters()]


def _loaded(path: str) -> Any:
    """One file of the package, without the package."""
    name = "xlstm_" + path.split("/")[2]
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            name, str(distribution("xlstm").locate_file(path))
        )
        assert spec is not None and spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]
