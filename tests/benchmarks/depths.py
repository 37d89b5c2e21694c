"""CPU time of a training step of one cell, written three times: plugins/rnnx-example.

python tests/benchmarks/depths.py
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "plugins/rnnx-example/src"))

import numpy as np
from rnnx_example import tide, tide_derived, tide_stepwise

from rnnx.contracts.buffers import Scratch

ROUNDS, T, B, N_X = 15, 12, 32, 27


def step(module: Any, n_a: int) -> Callable[[], None]:
    """A function that runs forward and backward once, over (T, B) ids in float32."""
    cell, rng = module.Tide(n_a), np.random.default_rng(0)
    params = cell.init(rng, N_X, np.float32)
    x = rng.integers(0, N_X, (T, B))
    state = cell.initial_state(B, np.float32)
    dh = rng.normal(size=(T, n_a, B)).astype(np.float32)
    scratch = Scratch()

    def run() -> None:
        _, _, cache = cell.forward(params, x, state, None, scratch)
        cell.backward(params, cache, dh, None, scratch)

    return run


def main() -> None:
    modules = {"derived": tide_derived, "stepwise": tide_stepwise, "whole": tide}
    print(f"{'units':>6}" + "".join(f"{name:>12}" for name in modules) + "   ms a sequence")
    for n_a in (64, 128, 256):
        runs = {name: step(module, n_a) for name, module in modules.items()}
        times: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(ROUNDS):
            for (
                name,
                run,
            ) in runs.items():  # interleaved: a slow moment of the machine slows all alike
                run()
                began = time.process_time()
                for _ in range(5):
                    run()
                times[name].append((time.process_time() - began) / 5 * 1000)
        print(f"{n_a:>6}" + "".join(f"{statistics.median(t):>12.2f}" for t in times.values()))


if __name__ == "__main__":
    main()
