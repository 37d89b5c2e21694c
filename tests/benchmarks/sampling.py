"""New text: one stream beside PyTorch's, and 1,000 names in one call beside one by one."""

from functools import partial

import timing
import torch_peer
from rows import CELLS, text_of

import rnnx
from rnnx.models.generation import generate

CHARACTERS, NAMES = 500, 1000


def write(session: "rnnx.training.session.Session", n: int) -> object:
    """One text of ``n`` characters."""
    network, params, sampler = session.network, session.params, session.components.sampler
    with session.threads:
        return generate(network, params, sampler, session.rngs["sampling"], 1, n)


def streams(rounds: int, sizes: tuple[int, ...] = (50, 128, 256, 512)) -> list[dict[str, object]]:
    """Characters a second of fresh networks over 65 symbols, one thread."""
    torch_peer.threads(1)
    table: list[dict[str, object]] = []
    data = ["dataset=text", f"dataset.path={text_of(65)}", "threads=1"]
    for cell in CELLS:
        for n_a in sizes:
            session = rnnx.build([*data, f"cell={cell}", f"cell.hidden_size={n_a}"])
            works = {
                "rnnx": partial(write, session, CHARACTERS),
                "torch": partial(torch_peer.make_writer(cell, 65, n_a), CHARACTERS),
            }
            found = timing.medians(works, rounds)
            table.append({"cell": cell, "n_a": n_a, "ratio": found["torch"] / found["rnnx"]})
            table[-1] |= {name: CHARACTERS / t for name, t in found.items()}
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
