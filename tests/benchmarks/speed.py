"""Training steps of rnnx beside PyTorch's and JAX's, interleaved in one run: make bench.

A row is a whole step (forward, loss, backward, clip by value, sgd) in float32. A ratio is the
other's median time over rnnx's, the faster of its two ways to take ids in: above 1, rnnx is the
faster. CPU time with one thread, wall time with two. "as built" is the row's line with a dropout
of one half, which rnnx then draws and the others do not.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import products
import timing
from rows import CELLS, PLAIN, ROWS, TAGGED_CELLS, Row, ours
from threadpoolctl import threadpool_limits

HEADER = f"{'cell':8} {'n_y, n_a, B, T':>20} {'rnnx':>9} {'torch':>9} {'jax':>9}   "
HEADER += f"{'torch/':>7} {'jax/':>7} {'as built':>8} {'numpy':>7}   GEMM share"


def contenders(cell: str, row: Row, threads: int) -> dict[str, timing.Work]:
    """Everybody's step, by name."""
    import jax_peer
    import torch_peer

    own = ["threads=1"] if threads == 1 else []  # of two, rnnx takes what it finds right
    steps: dict[str, timing.Work] = {
        "rnnx": ours(cell, row, *own, *PLAIN),
        "as built": ours(cell, row, *own, "dropout=0.5", "input_dropout=0", "averaging=0"),
        "numpy": ours(cell, row, *own, *PLAIN, "backend=numpy"),
    }
    for name, peer in (("torch", torch_peer), ("jax", jax_peer)):
        steps |= {f"{name} {g}": peer.make_step(cell, row, g) for g in peer.inputs(row)}
    return steps


def measured(cell: str, row: Row, threads: int, rounds: int) -> dict[str, Any]:
    """One row of the table; times in seconds."""
    clock = time.process_time if threads == 1 else time.perf_counter
    made = products.products(cell, row) if row.n_a >= 512 else {}
    with threadpool_limits(threads, user_api="blas"):
        alone = {name: product.work for name, product in made.items()}
        works, rest = contenders(cell, row, threads) | alone, timing.REST * (threads > 1)
        found = timing.medians(works, rounds, clock, rest)
    torch, jax = (min(t for n, t in found.items() if n.startswith(p)) for p in ("torch", "jax"))
    entry: dict[str, Any] = {"cell": cell, "row": row, "seconds": found}
    entry |= {"torch": torch / found["rnnx"], "jax": jax / found["rnnx"]}
    entry["torch as built"] = torch / found["as built"]
    entry["jax as built"] = jax / found["as built"]
    entry["torch by numpy"] = torch / found["numpy"]
    if made:
        entry["GF/s"], entry["share"], entry["share of own rates"] = products.shares(
            cell, row, found, found["rnnx"]
        )
    return entry


def shown(entry: dict[str, Any]) -> str:
    """The row as a line."""
    own = entry["seconds"]["rnnx"]
    times = [own, entry["torch"] * own, entry["jax"] * own]
    line = f"{entry['cell']:8} {entry['row']!s:>20} "
    line += " ".join(f"{t * 1e3:6.2f} ms" for t in times)
    line += f"   {entry['torch']:7.2f} {entry['jax']:7.2f} {entry['torch as built']:8.2f}"
    line += f" {entry['torch by numpy']:7.2f}"
    if "share" not in entry:
        return line
    best = f"{entry['share']:.2f} of {entry['GF/s']:.0f} GF/s"
    return f"{line}   {best}, {entry['share of own rates']:.2f} of own products"


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, choices=(1, 2), default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=CELLS)
    parser.add_argument("--rows", type=int, nargs="+", default=range(len(ROWS)))
    parser.add_argument("--json", type=Path, help="default: .bench/speed-THREADS.json")
    return parser.parse_args()


def main() -> None:
    given = parsed()
    if given.threads == 1:  # before JAX is imported
        flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}"
    import jax
    import torch
    import torch_peer

    torch_peer.threads(given.threads)
    about = {
        "command": " ".join(sys.argv),
        "threads": given.threads,
        "clock": "CPU" if given.threads == 1 else "wall",
        "versions": {"numpy": np.__version__, "torch": torch.__version__, "jax": jax.__version__},
        "python": platform.python_version(),
    }
    print(f"{about['clock']} time, {given.threads} thread(s), {about['versions']}")
    print(HEADER)
    table = []
    for cell in given.cells:
        for index in given.rows:
            if any(ROWS[index][4:]) and cell not in TAGGED_CELLS:
                continue
            table.append(measured(cell, ROWS[index], given.threads, given.rounds))
            print(shown(table[-1]), flush=True)
    means = {
        key: statistics.geometric_mean(entry[key] for entry in table)
        for key in ("torch", "jax", "torch as built", "jax as built", "torch by numpy")
    }
    print("geometric means: " + ", ".join(f"{key} {mean:.2f}" for key, mean in means.items()))
    path = given.json or Path(f".bench/speed-{given.threads}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**about, "geometric means": means, "rows": table}, indent=2))


if __name__ == "__main__":
    main()
