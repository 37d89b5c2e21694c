"""What grows with the length of a text and of a training, and what does not.

    python tests/benchmarks/scale.py tokens [CHARACTERS …]
    python tests/benchmarks/scale.py steps [STEPS …]

``tokens``: one epoch of a small network, in NumPy, over texts of so many characters; the second run
on each, which finds its ids in the cache. ``steps``: a run of so many steps on a short text,
with compiled kernels in the cache.
"""

import sys
import tempfile
from pathlib import Path

from memory import run_and_watch, write_text

SMALL = ["train", "dataset=text", "tracker=none", "samples=0", "baseline=never", "layers=1"]
EPOCH = [*SMALL, "backend=numpy", "cell.hidden_size=16", "batch_size=100", "dataset.length=100"]
STEPS = [*SMALL, "cell.hidden_size=4", "batch_size=12", "dataset.length=4", "eval_every=10000"]


def main(what: str, sizes: list[int]) -> None:
    """Print a row for each size."""
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "text.txt"
            write_text(path, size + 2**20 if what == "tokens" else 2**20)
            if what == "tokens":
                with path.open("r+b") as file:
                    file.truncate(size)
                arguments = [*EPOCH, f"steps={max(1, size * 9 // 100_000)}", "eval_every=1000000"]
                run_and_watch([*EPOCH, f"dataset.path={path}", "steps=1"], Path(folder))
            else:
                arguments = [*STEPS, f"steps={size}"]
                run_and_watch([*STEPS, f"dataset.path={path}", "steps=30"], Path(folder))
            code, peak, seconds, said = run_and_watch(
                [*arguments, f"dataset.path={path}"], Path(folder)
            )
            if code:
                raise RuntimeError(said)
            print(f"{what} {size:>12,}: {peak:6.0f} MB, {seconds:8.2f} s of CPU", flush=True)


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[2:]]
    usual = {"tokens": [10**5, 10**6, 10**7, 10**8], "steps": [10**4, 10**5, 10**6]}
    main(sys.argv[1], given or usual[sys.argv[1]])
