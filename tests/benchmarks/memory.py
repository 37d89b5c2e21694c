"""Anonymous memory of a whole run on a large file: what the file itself is mapped to is not.

    python tests/benchmarks/memory.py [BYTES]

File and cache are in the folder for temporary files.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

SIZES = ["cell.hidden_size=128", "batch_size=32", "dataset.length=64"]
RUN = ["train", "dataset=text", "steps=20", "tracker=none", "backend=numpy", *SIZES]


def write_text(path: Path, size: int) -> None:
    """``size`` bytes of words in lines, the same mebibyte again and again."""
    letters = np.frombuffer(b"etaoinshrdlucmfwypvbgkjqxz      \n", np.uint8)
    once = np.random.default_rng(0).choice(letters, 2**20).tobytes()
    with path.open("wb") as file:
        for _ in range(max(1, size // 2**20)):
            file.write(once)


def measure(size: int = 10**9) -> dict[str, float]:
    """The file's MB; of a first run and of a second its peak of RssAnon in MB, its seconds of wall
    time and of processor time.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.txt"
        write_text(path, size)
        found = {"file MB": path.stat().st_size / 1e6}
        for which in ("first", "second"):
            began = time.perf_counter()
            code, peak, cpu, said = run_and_watch([*RUN, f"dataset.path={path}"], Path(folder))
            if code:
                raise RuntimeError(said)
            seconds = time.perf_counter() - began
            found |= {f"{which} MB": peak, f"{which} s": seconds, f"{which} CPU s": cpu}
        return found


def run_and_watch(arguments: list[str], folder: Path) -> tuple[int, float, float, str]:
    """Run ``rnnx ARGUMENTS``: exit code, peak of RssAnon in MB, seconds of processor time, and
    what it said on stdout and stderr.
    """
    log, peak = folder / "log.txt", [0.0]
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "rnnx", *arguments],
            cwd=folder,
            env={**os.environ, "RNNX_CACHE": f"{folder}/cache"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        watch = threading.Thread(target=_watch, args=(child.pid, peak))
        watch.start()
        _, status, used = os.wait4(child.pid, 0)
        watch.join()
    child.returncode = os.waitstatus_to_exitcode(status)
    seconds = used.ru_utime + used.ru_stime
    return child.returncode, peak[0] / 1e3, seconds, log.read_text("utf-8", "replace")


def _watch(pid: int, peak: list[float]) -> None:
    """Keep the largest RssAnon, in kB, until the process has gone."""
    status = Path(f"/proc/{pid}/status")
    while True:
        try:
            lines = status.read_text().splitlines()
        except OSError:
            return
        found = [line.split()[1] for line in lines if line.startswith("RssAnon")]
        if not found:  # a process that has ended and waits for its parent
            return
        peak[0] = max(peak[0], float(found[0]))
        time.sleep(0.01)


if __name__ == "__main__":
    print(measure(*map(int, sys.argv[1:2])))
