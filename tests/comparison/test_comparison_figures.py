"""The figures of a comparison."""

import math
from collections.abc import Callable

import pytest

from rnnx.comparison.compare import ComparedRun, Comparison, rank_runs
from rnnx.comparison.figures import (
    draw_figures,
    highest_shown,
    metric_axis,
    over_seeds,
    settings_axis,
)

PNG = b"\x89PNG\r\n"


def test_means_over_seeds_where_at_least_two_are() -> None:
    steps, mean, spread = over_seeds([{1: 1.0, 2: 2.0, 3: 9.0}, {1: 3.0, 2: 2.0}])
    assert (steps, mean) == ([1, 2], [2.0, 2.0])
    assert spread == pytest.approx([math.sqrt(2), 0.0])
    assert over_seeds([{5: 1.0}]) == ([5], [1.0], [0.0])


@pytest.mark.parametrize(
    ("values", "heights"),
    [
        (["1", "3", "2"], [0.0, 1.0, 0.5]),
        (["0.01", "0.1", "1"], [0.0, 0.5, 1.0]),
        (["lstm", "gru", "lstm"], [1.0, 0.0, 1.0]),
        (["nan", "1"], [1.0, 0.0]),
        (["2", "2"], [0.0, 0.0]),
    ],
)
def test_an_axis_of_settings_goes_from_0_to_1(values: list[str], heights: list[float]) -> None:
    axis = settings_axis(values)
    assert axis.heights == pytest.approx(heights)
    assert axis.ticks == dict(zip(values, axis.heights, strict=True))


def test_an_axis_of_a_metric_ends_where_the_figure_does() -> None:
    falling = metric_axis([1.0, 5.0, 1e30], rising=False)
    assert falling.heights == [0.0, 1.0, 1.0]
    assert list(falling.ticks) == ["1", "2", "3", "4", "5 and more"]
    rising = metric_axis([1.0, 2.0, 101.0], rising=True)
    assert rising.heights == pytest.approx([0.0, 0.01, 1.0])
    assert list(rising.ticks) == ["1", "26", "51", "76", "101"]


def test_a_run_that_diverges_hides_no_other(run: Callable[..., ComparedRun]) -> None:
    assert highest_shown([2.0, 3.3, 1e30]) == 3.3
    assert highest_shown([2.0, 19.0]) == 19.0
    assert highest_shown([-1.0, 50.0]) == 50.0
    several = [run(f"lr={loss} seed={s}", loss) for loss in (2.0, 1.7e308) for s in (0, 1)]
    figures = draw_figures(rank_runs(several, "t", "best/val_loss"))
    assert figures["parallel"].startswith(PNG)


def test_without_runs_there_is_nothing_to_draw() -> None:
    assert draw_figures(Comparison("nothing", "best/val_loss", [], [])) == {}
