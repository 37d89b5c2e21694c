"""Which files a training step opens, and how often it goes from one to another.

    python tests/training/step_path.py [OVERRIDE …]

prints the path of steps 3 and 4 of the default recipe, or of another: each file in the order of the
calls, with the functions called in it.
"""

import sys
from collections.abc import Callable
from itertools import groupby, pairwise
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import rnnx

ROOT = Path(rnnx.__file__).resolve().parents[1]
OURS = (f"{ROOT / 'rnnx'}/", f"{ROOT / 'plugins'}/")


class StepPath(NamedTuple):
    """The way of one step through rnnx/ and plugins/."""

    calls: list[tuple[str, str]]  # file and function of each call, in order
    places: list[str]  # the file that each call enters and each return leaves

    @property
    def files(self) -> list[str]:
        """Each file once, in the order of its first call."""
        return list(dict.fromkeys(file for file, _ in self.calls))

    @property
    def crossings(self) -> int:
        """How many calls and returns lead to another file."""
        return sum(one != other for one, other in pairwise(self.places))


def path_of(work: Callable[[], object]) -> StepPath:
    """The path of ``work``; compiled kernels count as their first call alone."""
    calls: list[tuple[str, str]] = []
    places: list[str] = []

    def profile(frame: FrameType, event: str, _: Any) -> None:
        name = frame.f_code.co_filename
        if event in ("call", "return") and name.startswith(OURS):
            file = name.removeprefix(f"{ROOT}/")
            places.append(file)
            if event == "call":
                calls.append((file, frame.f_code.co_name))

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(before)
    return StepPath(calls, places)


def paths_of_steps(overrides: list[str]) -> list[StepPath]:
    """The paths of steps 3 and 4, as the training loop makes them: the second loads kernels."""
    session = rnnx.build(["tracker=none", *overrides])
    for _ in range(2):
        session.step()
    with session.computing():
        return [path_of(session.update) for _ in range(2)]


def main() -> None:
    for step, path in enumerate(paths_of_steps(sys.argv[1:]), 3):
        counts = f"{len(path.files)} files, {path.crossings} crossings, {len(path.calls)} calls"
        print(f"step {step}: {counts}")
        for file, calls in groupby(path.calls, key=lambda call: call[0]):
            print(f"  {file}: {', '.join(dict.fromkeys(function for _, function in calls))}")


if __name__ == "__main__":
    main()
