"""Training steps at sizes that fit no tile, beside PyTorch's, in one process.

    python tests/benchmarks/odd_sizes.py [--quick] [--cells lstm] [--n_a 200 300] [--B 2 50]

CPU time of one thread. A row is a whole step in float32, as in ``speed.py``. ``torch/`` is
PyTorch's median time over that of rnnx, the faster of its ways to take ids in; ``GEMM`` is the
share of the step that its products take at the best rate that any of them reaches alone (from 200
units and 32 columns on).
"""

import argparse
import json
import statistics
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import products
import timing
from rows import CELLS, PLAIN, Row, ours
from threadpoolctl import threadpool_limits

UNITS, COLUMNS, STEPS = (100, 200, 300, 650), (1, 2, 5, 20, 50, 100), 32
SYMBOLS = (27, 65, 256, 5000, 50_000)
SHARED_UNITS, SHARED_COLUMNS = 200, 32  # from here on the share of GEMM counts


def grid(given: argparse.Namespace) -> Iterator[tuple[str, Row]]:
    """Every cell with every number of units and columns over 65 symbols, and other vocabularies
    with 200 units and 20 and 50 columns; or all combinations of what was asked for.
    """
    for cell, n_a, B, n_y in product(given.cells, given.n_a, given.B, given.n_y):
        usual = n_y == 65 or (n_a == 200 and B in (20, 50))
        if usual or given.n_y is not SYMBOLS:
            yield cell, Row(n_y, n_a, B, STEPS)


def measured(cell: str, row: Row, rounds: int) -> dict[str, Any]:
    """One row of the table; times in seconds."""
    import torch_peer

    has_share = row.n_a >= SHARED_UNITS and row.B >= SHARED_COLUMNS
    with threadpool_limits(1, user_api="blas"):
        works: dict[str, timing.Work] = {"rnnx": ours(cell, row, "threads=1", *PLAIN)}
        for name in torch_peer.inputs(row):
            works[f"torch {name}"] = torch_peer.make_step(cell, row, name)
        if has_share:
            works |= {name: made.work for name, made in products.products(cell, row).items()}
        found = timing.medians(works, rounds)
    torch = min(seconds for name, seconds in found.items() if name.startswith("torch"))
    entry: dict[str, Any] = {"cell": cell, "row": row, "seconds": found}
    entry["torch"] = torch / found["rnnx"]
    if has_share:
        entry["GF/s"], entry["share"], entry["own"] = products.shares(
            cell, row, found, found["rnnx"]
        )
    return entry


def shown(entry: dict[str, Any]) -> str:
    """The row as a line."""
    own = entry["seconds"]["rnnx"]
    line = f"{entry['cell']:8} {entry['row']!s:>20} {own * 1e3:9.2f} ms"
    line += f" {entry['torch'] * own * 1e3:9.2f} ms {entry['torch']:7.2f}"
    if "share" in entry:
        line += f"   {entry['share']:.2f} of {entry['GF/s']:.0f} GF/s, {entry['own']:.2f} of own"
    return line


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three rounds of short blocks")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=CELLS)
    parser.add_argument("--n_a", type=int, nargs="+", default=UNITS)
    parser.add_argument("--B", type=int, nargs="+", default=COLUMNS)
    parser.add_argument("--n_y", type=int, nargs="+", default=SYMBOLS)
    parser.add_argument("--json", type=Path, default=Path(".bench/odd-sizes.json"))
    return parser.parse_args()


def main() -> None:
    given = parsed()
    import torch_peer

    torch_peer.threads(1)
    if given.quick:
        timing.BLOCK, given.rounds = 0.03, 3
    print(f"{'cell':8} {'n_y, n_a, B, T':>20} {'rnnx':>12} {'torch':>12}  torch/   GEMM share")
    table = []
    for cell, row in grid(given):
        table.append(measured(cell, row, given.rounds))
        print(shown(table[-1]), flush=True)
    ratios = [entry["torch"] for entry in table]
    print(f"geometric mean {statistics.geometric_mean(ratios):.2f}, lowest {min(ratios):.2f}")
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps(table, indent=2))


if __name__ == "__main__":
    main()
