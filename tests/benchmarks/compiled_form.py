"""CPU time of a third-party cell's compiled form beside its NumPy form: rnnx-example's leaky units.

python tests/benchmarks/compiled_form.py
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "plugins/rnnx-example/src"))

import numpy as np
from rnnx_example.leaky import Leaky

from rnnx.contracts.buffers import Scratch

ROUNDS, N_X = 15, 27


def sequence(form: Any, cell: Leaky, T: int, B: int) -> Callable[[], None]:
    """One forward and backward pass over (T, B) ids in float32."""
    rng = np.random.default_rng(0)
    params, state = cell.init(rng, N_X, np.float32), cell.initial_state(B, np.float32)
    x = rng.integers(0, N_X, (T, B))
    dh = rng.normal(size=(T, cell.hidden_size, B)).astype(np.float32)
    scratch = Scratch()

    def run() -> None:
        _, _, cache = form.forward(params, x, state, None, scratch)
        form.backward(params, cache, dh, None, scratch)

    return run


def main() -> None:
    print(f"{'units':>6}{'T':>6}{'B':>6}{'NumPy':>10}{'compiled':>10}   ms a sequence")
    for n_a, T, B in ((32, 100, 1), (64, 100, 8), (128, 100, 32)):
        cell = Leaky(n_a)
        forms = {"NumPy": cell, "compiled": cell.compiled(1)}
        runs = {name: sequence(form, cell, T, B) for name, form in forms.items()}
        times: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(ROUNDS):
            for name, run in runs.items():  # in turns: the machine's speed drifts for both alike
                run()
                began = time.process_time()
                for _ in range(5):
                    run()
                times[name].append((time.process_time() - began) / 5 * 1000)
        medians = (f"{statistics.median(t):>10.2f}" for t in times.values())
        print(f"{n_a:>6}{T:>6}{B:>6}" + "".join(medians))


if __name__ == "__main__":
    main()
