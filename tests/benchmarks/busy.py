"""A default step beside a busy process: with the default number of threads, and with one.

A process that spins holds one processor. A ratio is the median wall time of a step with the
default number over that with threads=1, the two in turns: python tests/benchmarks/busy.py
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rows import PLAIN, Row, Step, ours

ROWS = (Row(27, 128, 32, 12), Row(65, 256, 32, 64), Row(65, 512, 64, 32))
CHOICES = {"default": (), "one": ("threads=1",), "two": ("threads=2",)}
BLOCK, REST = 0.4, 0.15  # seconds of steps in a row, and after them: a BLAS spins for 0.1 s


@contextmanager
def spinning(processes: int) -> Iterator[None]:
    """So many processes that compute without end."""
    started = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)
    ]
    try:
        time.sleep(0.3)
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def a_step(step: Step) -> float:
    """Seconds of wall time a step, in a block of them."""
    begin, count = time.perf_counter(), 0
    while time.perf_counter() - begin < BLOCK:
        step()
        count += 1
    taken = time.perf_counter() - begin
    time.sleep(REST)
    return taken / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    print(f"{'n_y, n_a, B, T':>18} backend  machine  one thread  default/  two/")
    for row in ROWS:
        for backend in ("numpy", "fast"):
            steps = {
                name: ours("lstm", row, *own, *PLAIN, f"backend={backend}")
                for name, own in CHOICES.items()
            }
            for step in steps.values():  # a first step checks, a second loads kernels
                step(), step()
            for processes in (0, 1):
                found: dict[str, list[float]] = {name: [] for name in steps}
                with spinning(processes):
                    for _ in range(rounds):
                        for name, step in steps.items():
                            found[name].append(a_step(step))
                times = {name: statistics.median(every) for name, every in found.items()}
                machine = "busy" if processes else "idle"
                print(
                    f"{row!s:>18} {backend:8} {machine:8} {times['one'] * 1e3:7.2f} ms "
                    f"{times['default'] / times['one']:9.2f} {times['two'] / times['one']:6.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
