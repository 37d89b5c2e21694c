"""Anonymous memory of training, evaluation and sampling on data of extreme shapes.

    python tests/benchmarks/shapes.py [SHAPE …]

prints, for each command, the peak of RssAnon, seconds of processor time and the last line of what
it said.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from memory import run_and_watch

LETTERS = "abcdefghijklmnopqrstuvwxyz"
FIRST_HAN = 0x4E00
NETWORK = ["cell.hidden_size=64", "layers=1", "steps=4", "samples=2", "threads=1", "tracker=none"]


class Shape(NamedTuple):
    """A file, and how it is read."""

    text: Callable[[], str]
    overrides: list[str]
    exit_code: int = 0  # of training


def one_line() -> str:
    """10⁷ letters without a line's end."""
    return "".join(np.random.default_rng(0).choice(list(LETTERS), 10**7))


def one_letter_lines() -> str:
    """10⁶ lines of one letter."""
    return "\n".join(np.random.default_rng(0).choice(list(LETTERS), 10**6)) + "\n"


def many_symbols() -> str:
    """50,000 symbols, each twice, in lines of 20."""
    codes = [c for c in range(FIRST_HAN, FIRST_HAN + 70_000) if not 0xD800 <= c < 0xE000][:50_000]
    drawn = np.random.default_rng(0).permutation(np.repeat(codes, 2))
    lines = (drawn[i : i + 20] for i in range(0, len(drawn), 20))
    return "\n".join("".join(map(chr, line)) for line in lines) + "\n"


def one_long_name() -> str:
    """20,000 letters among 300 names."""
    rng = np.random.default_rng(0)
    names = ["".join(rng.choice(list(LETTERS), rng.integers(4, 12))) for _ in range(300)]
    return "\n".join([*names, "".join(rng.choice(list(LETTERS), 20_000))]) + "\n"


SHAPES = {
    "one line of 10^7 letters, as a text": Shape(one_line, ["dataset=text"]),
    "one line of 10^7 letters among lines": Shape(
        lambda: "abc\n" * 300 + f"{one_line()}\n", ["dataset=lines"], 1
    ),
    "10^6 lines of one letter": Shape(one_letter_lines, ["dataset=lines"]),
    "50,000 symbols": Shape(many_symbols, ["dataset=lines"]),
    "one line of 20,000 letters among 300": Shape(one_long_name, ["dataset=lines"]),
}


def measure(shape: Shape) -> list[tuple[str, float, float, str]]:
    """The command, MB of RssAnon, seconds of processor time and last line of each command."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data.txt").write_text(shape.text(), "utf-8")
        train = ["train", *shape.overrides, *NETWORK, "dataset.path=data.txt"]
        commands = [train, ["evaluate", "last"], ["sample", "last", "--count", "20"]]
        found = []
        for command in commands[: 3 if not shape.exit_code else 1]:
            code, peak, seconds, said = run_and_watch(command, folder)
            expected = shape.exit_code if command is train else 0
            if code != expected:
                raise RuntimeError(f"{command[0]}: exit code {code}: {said}")
            found.append((command[0], peak, seconds, said.splitlines()[-1][:150]))
        return found


if __name__ == "__main__":
    for title in [t for t in SHAPES if not sys.argv[1:] or t in sys.argv[1:]]:
        for row in measure(SHAPES[title]):
            command, peak, seconds, said = row
            print(f"{title} | {command} | {peak:.0f} MB | {seconds:.1f} s | {said}", flush=True)
