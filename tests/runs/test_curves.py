"""What is read of a run's metrics to draw it: all of a short run, a bounded part of a long one."""

import json
import tracemalloc
from itertools import pairwise
from pathlib import Path

import pytest

from rnnx.runs.metrics_file import read_curves, read_history


def write(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        for step in range(1, count + 1):
            for key in ("a", "b", "c"):
                file.write(json.dumps([key, step / 2, step, step]) + "\n")


@pytest.mark.parametrize("count", [1, 19, 20])
def test_a_short_curve_is_read_whole(count: int, tmp_path: Path) -> None:
    write(tmp_path / "m", count)
    history = read_history(tmp_path / "m")
    assert read_curves(tmp_path / "m", {"a", "c"}, most=10) == {k: history[k] for k in "ac"}


@pytest.mark.parametrize("count", [21, 40, 77, 1000])
def test_a_long_curve_is_read_evenly_and_to_its_end(count: int, tmp_path: Path) -> None:
    write(tmp_path / "m", count)
    (curve,) = read_curves(tmp_path / "m", {"a"}, most=10).values()
    steps = [point.step for point in curve]
    assert 10 <= len(steps) <= 21
    assert (steps[0], steps[-1]) == (1, count)
    assert len({b - a for a, b in pairwise(steps[:-1])}) == 1


def test_memory_does_not_grow_with_the_steps(tmp_path: Path) -> None:
    peaks = []
    for count in (2_000, 8_000):
        write(tmp_path / "m", count)
        tracemalloc.start()
        read_curves(tmp_path / "m", {"a", "b", "c"}, most=500)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
