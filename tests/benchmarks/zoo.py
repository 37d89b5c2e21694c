"""CPU time of the cells of rnnx_zoo beside torchrecurrent and xlstm, forward and backward.

    python tests/benchmarks/zoo.py --cells mgu lem --rounds 5

One layer, one thread, float32, dense inputs. A factor is the peer's time over rnnx's, compiled
where the cell has a compiled form. Both get the same sizes, each has its own weights. Where xlstm
is not installed (see xlstm_peer.py) slstm and mlstm are left out.

A cell that multiplies its state by dense matrices makes each of its multiplications three times:
forward, for the gradient by what is multiplied, and for that by the weights. "products" is the
share of rnnx's time that these take at the rate of a square product on the same machine, measured
in the same turns; "limit" is the factor if rnnx did nothing else.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torchrecurrent
import xlstm_peer
from timing import medians

from rnnx.config.components import component_from
from rnnx.contracts.buffers import Scratch
from rnnx.models.cost import cost_of
from rnnx.system.threads import BlasThreads

PEERS = {
    "mgu": "MGU",
    "ugrnn": "UGRNN",
    "janet": "JANET",
    "nbrc": "NBR",
    "peephole_lstm": "PeepholeLSTM",
    "lstm_1997": "OriginalLSTM",
    "lem": "LEM",  # from the old z, and so no LEM, but as much work
    "cornn": "coRNN",
    "indrnn": "IndRNN",
}
CELLS = [*PEERS, *xlstm_peer.CELLS]
NOT_DENSE = ("indrnn", "mlstm")


class Size(NamedTuple):
    """n_x inputs, n_a units, B columns, T steps."""

    n_x: int
    n_a: int
    B: int
    T: int


SIZES = (Size(27, 128, 32, 12), Size(65, 256, 32, 64))
Work = Callable[[], object]
SQUARE = (512, 512, 2048)  # rows, what is summed over, columns


def ours(form: Any, cell: Any, size: Size) -> Work:
    rng, scratch = np.random.default_rng(0), Scratch()
    n_x, n_a, B, T = size
    params, state = cell.init(rng, n_x, np.float32), cell.initial_state(B, np.float32)
    x, dh = (rng.normal(size=(T, n, B)).astype(np.float32) for n in (n_x, n_a))

    def run() -> None:
        _, _, cache = form.forward(params, x, state, None, scratch)
        form.backward(params, cache, dh, None, scratch)

    return run


def theirs(name: str, size: Size) -> Work:
    torch.manual_seed(0)
    n_x, n_a, B, T = size
    if name in PEERS:
        peer = getattr(torchrecurrent, PEERS[name])(n_x, n_a)
        parameters = list(peer.parameters())
        layer = lambda x: peer(x)[0]  # noqa: E731
    else:
        layer, parameters = xlstm_peer.layer(name, n_x, n_a)
    x, dh = torch.randn(T, B, n_x, requires_grad=True), torch.randn(T, B, n_a)

    def run() -> None:
        for one in parameters:
            one.grad = None
        layer(x).backward(dh)

    return run


def square() -> Work:
    """A product at the best rate that the BLAS has."""
    m, n, p = SQUARE
    rng, out = np.random.default_rng(0), np.empty((m, p), np.float32)
    a, b = rng.normal(size=(m, n)).astype(np.float32), rng.normal(size=(n, p)).astype(np.float32)
    return lambda: np.matmul(a, b, out=out)


def measured(name: str, size: Size, rounds: int) -> dict[str, Any]:
    cell = component_from("cell", {"name": name, "hidden_size": size.n_a})
    works = {"numpy": ours(cell, cell, size), "peer": theirs(name, size), "square": square()}
    if callable(getattr(cell, "compiled", None)):
        works["compiled"] = ours(cell.compiled(1), cell, size)
    found = {"cell": name, "size": size, "seconds": medians(works, rounds)}
    if name not in NOT_DENSE:
        weights = cost_of(cell, size.n_x).multiplications
        share = 3 * weights * size.B * size.T / math.prod(SQUARE)
        found["products"] = share * found["seconds"]["square"]
    return found


def shown(entry: dict[str, Any]) -> str:
    found, peer = entry["seconds"], entry["seconds"]["peer"]
    line = f"{entry['cell']:14} {', '.join(map(str, entry['size'])):>16}"
    for name in ("compiled", "numpy", "peer"):
        line += f" {found[name] * 1e3:11.2f}" if name in found else f" {'—':>11}"
    best = min(found.get("compiled", np.inf), found["numpy"])
    line += f"    {peer / best:8.1f}"
    if products := entry.get("products"):
        line += f" {products / best:9.2f} {peer / products:6.1f}"
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=CELLS)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    print("ms of CPU time a sequence, forward and backward")
    print(
        f"{'cell':14} {'n_x, n_a, B, T':>16} {'compiled':>11} {'NumPy':>11} {'peer':>11}",
        end="",
    )
    print("      factor  products  limit")
    table = []
    here = [name for name in given.cells if name in PEERS or xlstm_peer.is_installed()]
    if left := [name for name in given.cells if name not in here]:
        print(f"{' and '.join(left)}: left out, xlstm is not installed")
    for name in here:
        for size in SIZES:
            with BlasThreads(1):  # a second one spins, and its time would count
                table.append(measured(name, size, given.rounds))
            print(shown(table[-1]), flush=True)
    path = Path(".bench/zoo.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"command": " ".join(sys.argv), "rows": table}, indent=2))


if __name__ == "__main__":
    main()
