"""New text: one stream beside PyTorch's, and 1,000 names in one call beside one by one.

    python tests/benchmarks/sampling.py [CELL UNITS]

measures one stream, and the shares of a character's time that reading its weights alone and its
products alone take; then 1,000 streams at once and the share of their products.
"""

import sys
from functools import partial

import numpy as np
import timing
import torch_peer
from rows import BLOCKS, CELLS, text_of

import rnnx
from rnnx.arrays import Array
from rnnx.models.generation import generate

CHARACTERS, NAMES, AT_ONCE, SYMBOLS = 500, 1000, 12, 65
DATA = ("dataset=text", f"dataset.path={text_of(SYMBOLS)}", "threads=1")


def write(session: "rnnx.training.session.Session", n: int, count: int = 1) -> object:
    """Texts of ``n`` characters."""
    network, params, sampler = session.network, session.params, session.components.sampler
    with session.threads:
        return generate(network, params, sampler, session.rngs["sampling"], count, n)


def weights_read(session: "rnnx.training.session.Session") -> Array:
    """As many numbers as a character reads: all weights but the input's, of which it reads one
    column.
    """
    leaves = session.params.leaves()
    size = sum(array.size for name, array in leaves if not name.endswith("Wx"))
    return np.ones(size, np.float32)


def products(cell: str, n_a: int, count: int) -> timing.Work:
    """The products of one character of ``count`` texts: the recurrent one and the head's."""
    made = [
        (np.ones((rows, n_a), np.float32), np.ones((n_a, count), np.float32))
        for rows in (BLOCKS[cell] * n_a, SYMBOLS)
    ]
    outs = [np.empty((len(W), count), np.float32) for W, _ in made]

    def work() -> None:
        for (W, h), out in zip(made, outs, strict=True):
            np.matmul(W, h, out=out)

    return work


def many_streams(rounds: int, cell: str, n_a: int) -> str:
    """Characters a second of 1,000 texts at once, and the share that the BLAS alone takes."""
    session = rnnx.build([*DATA, f"cell={cell}", f"cell.hidden_size={n_a}"])
    alone = products(cell, n_a, NAMES)
    works = {"rnnx": partial(write, session, AT_ONCE, NAMES), "products": alone}
    with session.threads:
        found = timing.medians(works, rounds)
    step, flops = found["rnnx"] / AT_ONCE, 2.0 * n_a * (BLOCKS[cell] * n_a + SYMBOLS) * NAMES
    rate = f"{NAMES / step:8.0f} characters/s, products are {found['products'] / step:.2f} of it"
    return (
        f"{NAMES} at once, {cell:8} {n_a:4}  {rate}, at {flops / found['products'] / 1e9:.0f} GF/s"
    )


def streams(
    rounds: int, sizes: tuple[int, ...] = (50, 128, 256, 512), cells: tuple[str, ...] = CELLS
) -> list[dict[str, object]]:
    """Characters a second of fresh networks over 65 symbols, one thread.

    ``reading`` is the share of a character that it takes to read as many numbers as its weights
    are, again and again: they come from the level of the caches that they fit into.
    """
    torch_peer.threads(1)
    table: list[dict[str, object]] = []
    for cell in cells:
        for n_a in sizes:
            session = rnnx.build([*DATA, f"cell={cell}", f"cell.hidden_size={n_a}"])
            works = {
                "rnnx": partial(write, session, CHARACTERS),
                "torch": partial(torch_peer.make_writer(cell, SYMBOLS, n_a), CHARACTERS),
            }
            numbers = weights_read(session)
            with session.threads:
                alone = {"read": partial(np.dot, numbers, numbers), "made": products(cell, n_a, 1)}
                reading = timing.medians(alone, rounds)
            found = timing.medians(works, rounds)
            table.append({"cell": cell, "n_a": n_a, "ratio": found["torch"] / found["rnnx"]})
            table[-1] |= {name: CHARACTERS / t for name, t in found.items()}
            table[-1]["MB"] = numbers.nbytes / 1e6
            table[-1]["GB/s"] = numbers.nbytes / reading["read"] / 1e9
            table[-1]["reading"] = reading["read"] * CHARACTERS / found["rnnx"]
            table[-1]["products"] = reading["made"] * CHARACTERS / found["rnnx"]
    return table


def one_by_one(session: "rnnx.training.session.Session") -> None:
    for _ in range(NAMES):
        session.sample(1)


def batches(rounds: int) -> list[dict[str, object]]:
    """Seconds of 1,000 names from networks that have learned for 300 steps."""
    table: list[dict[str, object]] = []
    for cell, n_a in (("vanilla", 50), ("lstm", 50), ("gru", 50), ("lstm", 128)):
        session = rnnx.build([f"cell={cell}", f"cell.hidden_size={n_a}", "threads=1"])
        for _ in range(300):
            session.step()
        works = {
            "batch": partial(session.sample, NAMES),
            "one by one": partial(one_by_one, session),
        }
        found = timing.medians(works, rounds)
        ratio = found["one by one"] / found["batch"]
        table.append({"cell": cell, "n_a": n_a, "ratio": ratio, **found})
    return table


def shown(row: dict[str, object]) -> str:
    """A row of ``streams`` as a line."""
    rates = f"{row['rnnx']:8.0f} and {row['torch']:8.0f} characters/s {row['ratio']:6.2f} × PyTorch"
    bound = f"{row['MB']:.2f} MB at {row['GB/s']:.0f} GB/s are {row['reading']:.2f} of the time"
    bound += f", products {row['products']:.2f}"
    return f"one stream, {row['cell']:8} {row['n_a']:4}  {rates}, {bound}"


if __name__ == "__main__":
    cell, units = sys.argv[1:] or ("gru", "512")
    for row in streams(7, (int(units),), (cell,)):
        print(shown(row))
    print(many_streams(5, cell, int(units)))
