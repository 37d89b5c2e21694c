"""Training steps over many symbols: the full softmax and the adaptive one, beside PyTorch's.

    python tests/benchmarks/vocabularies.py [--n_y 5000 50000] [--B 20 50] [--n_a 200] [--cell lstm]

The symbols of the text are as frequent as words are: the k-th most frequent has a share of
1 / (k + 2.7) (Zipf and Mandelbrot). One thread, CPU time of whole steps as in ``speed.py``; the
memory is the most that arrays of a step take beyond parameters and gradients.
"""

import argparse
import tracemalloc
from pathlib import Path

import numpy as np
import rows
import timing
from odd_sizes import STEPS
from threadpoolctl import threadpool_limits

HEADS = ("softmax", "adaptive_softmax")
TOKENS = 200_000


def shares(n_y: int) -> np.ndarray:
    """Of each symbol in the text, the most frequent first."""
    found = 1 / (np.arange(n_y) + 2.7)
    return found / found.sum()


def words(n_y: int) -> str:
    """A file of a text over n_y symbols, each of which occurs, with the shares of words."""
    rng, symbols = np.random.default_rng(0), np.array([chr(48 + i) for i in range(n_y)])
    rng.shuffle(symbols)
    drawn = rng.choice(symbols, TOKENS, p=shares(n_y))
    path = Path(rows.FOLDER.name) / f"words-{n_y}.txt"
    path.write_text("".join(drawn) + "".join(symbols), "utf-8")
    return str(path)


def memory(step: rows.Step) -> float:
    """The most bytes that two steps allocate."""
    tracemalloc.start()
    try:
        step(), step()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def measure(cell: str, row: rows.Row, rounds: int) -> str:
    import torch_peer

    rows.text_of = words
    given = {head: ("threads=1", f"head={head}", *rows.PLAIN) for head in HEADS}
    with threadpool_limits(1, user_api="blas"):
        bytes_of = {head: memory(rows.ours(cell, row, *more)) for head, more in given.items()}
        works = {head: rows.ours(cell, row, *more) for head, more in given.items()}
        theirs = cell, row, "embedding", shares(row.n_y)
        works["torch"] = torch_peer.make_step(*theirs)
        works["torch adaptive"] = torch_peer.make_step(*theirs, adaptive=True)
        found = timing.medians(works, rounds)
    times = " ".join(f"{found[name] * 1e3:15.1f} ms" for name in works)
    return times + "".join(f"{bytes_of[head] / 2**20:14.1f} MiB" for head in HEADS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cell", choices=rows.CELLS, default="lstm")
    parser.add_argument("--n_a", type=int, default=200)
    parser.add_argument("--B", type=int, nargs="+", default=(20, 50))
    parser.add_argument("--n_y", type=int, nargs="+", default=(5000, 50_000))
    given = parser.parse_args()
    import torch_peer

    torch_peer.threads(1)
    names = (*HEADS, "torch", "torch adaptive", *HEADS)
    print(f"{'n_y, n_a, B, T':>22} " + " ".join(f"{name:>18}" for name in names))
    for n_y in given.n_y:
        for B in given.B:
            row = rows.Row(n_y, given.n_a, B, STEPS)
            print(f"{row!s:>22} {measure(given.cell, row, given.rounds)}", flush=True)


if __name__ == "__main__":
    main()
