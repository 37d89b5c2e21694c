"""The figures of a comparison."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rnnx.comparison import curves, finals, parallel
from rnnx.comparison.compare import Comparison, rank_runs
from rnnx.comparison.curves import loss_curves, over_seeds
from rnnx.comparison.drawing import (
    COLUMNS,
    MAX_LABEL_LENGTH,
    MAX_LABELS,
    group_colors,
    highest_shown,
    plain_label,
    thinned,
)
from rnnx.comparison.figures import draw_figures
from rnnx.comparison.finals import MAX_GROUPS
from rnnx.comparison.parallel import metric_axis, settings_axis
from rnnx.comparison.runs import ComparedRun
from rnnx.runs.folder import RunFolder

PNG = b"\x89PNG\r\n"


def test_means_over_seeds_where_at_least_two_are() -> None:
    steps, mean, spread = over_seeds([{1: 1.0, 2: 2.0, 3: 9.0}, {1: 3.0, 2: 2.0}])
    assert (steps, mean) == ([1, 2], [2.0, 2.0])
    assert spread == pytest.approx([math.sqrt(2), 0.0])
    assert over_seeds([{5: 1.0}]) == ([5], [1.0], [0.0])
    assert over_seeds([{1: 1.0}, {1: 3.0, 2: 1.0}, {2: 1.0, 3: 1.0}])[0] == [1, 2]


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
    assert highest_shown([2.0, 20.0, 20.5]) == 20.0
    assert highest_shown([-1.0, 50.0]) == highest_shown([0.0, 50.0]) == 50.0
    several = [run(f"lr={loss} seed={s}", loss) for loss in (2.0, 1.7e308) for s in (0, 1)]
    figures = draw_figures(rank_runs(several, "t", "best/val_loss"))
    assert figures["parallel"].png.startswith(PNG)


@pytest.mark.parametrize(
    ("metrics", "drawn"),
    [
        ([{"train/loss": 3.0, "val/loss": 2.0}, {"val/loss": math.nan}, None], "val/loss"),
        ([{"train/loss": 3.0, "train/smooth_loss": 4.0, "val/loss": 2.0}] * 2, "val/loss"),
        ([{"train/smooth_loss": 4.0, "train/loss": 3.0}, {"train/smooth_loss": 1.0}], "smooth"),
        ([{"val/loss": 2.0}, {"train/loss": 3.0}], "train/loss"),
        ([None], "train/loss"),
    ],
)
def test_the_loss_that_all_runs_have_is_drawn(
    metrics: list[dict[str, float] | None],
    drawn: str,
    tmp_path: Path,
    run: Callable[..., ComparedRun],
) -> None:
    runs = []
    for number, values in enumerate(metrics):
        folder = RunFolder(tmp_path / str(number))
        folder.path.mkdir()
        points = [[key, value, 7, 0] for key, value in (values or {}).items()]
        folder.metrics.write_text("".join(json.dumps(point) + "\n" for point in points), "utf-8")
        runs.append(run(f"seed={number}", 1.0)._replace(folder=folder if values else None))
    key, found = loss_curves(rank_runs(runs, "t", "best/val_loss"))
    assert drawn in key
    finite = [(values or {}).get(key, math.nan) for values in metrics]
    assert found == [{} if math.isnan(value) else {7: value} for value in finite]


def test_groups_have_distinct_colors_while_they_last() -> None:
    from matplotlib import colormaps

    few = [f"g{number}" for number in range(MAX_LABELS)]
    assert list(group_colors([*few, *few]).values()) == list(map(colormaps["tab10"], range(10)))
    many = list(group_colors([*few, "one more"]).values())
    assert (many[0], many[-1]) == (colormaps["viridis"](0.0), colormaps["viridis"](1.0))
    assert many[5] == colormaps["viridis"](0.5)


def test_a_label_is_drawn_to_the_letter() -> None:
    assert plain_label("a  $x$\nb") == r"a \$x\$ b"
    assert plain_label("_hidden") == " _hidden"
    longest = "x" * MAX_LABEL_LENGTH
    assert plain_label(longest) == longest
    assert plain_label(f"{longest}x") == f"{longest[1:]}…"


def test_finals_are_drawn_where_groups_have_several_seeds(run: Callable[..., ComparedRun]) -> None:
    one = [run("seed=0", 1.0), run("seed=1", 1.5)]
    assert "finals" not in draw_figures(rank_runs(one, "t", "best/val_loss"))
    single = [run("a", 1.0, "a"), run("b", 1.5, "b")]
    assert "finals" not in draw_figures(rank_runs(single, "t", "best/val_loss"))
    many = [run(f"k={k} seed={s}", k + s, str(k)) for k in range(MAX_GROUPS + 5) for s in (0, 0.5)]
    many[0] = run("k=0 seed=0", 1e300, "0")
    figure = draw_figures(rank_runs(many, "t", "best/val_loss"))["finals"]
    assert figure.png.startswith(PNG) and figure.metric == "best/val_loss"


def test_many_runs_are_few_artists(
    run: Callable[..., ComparedRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Matplotlib takes milliseconds for each artist: a thousand runs would be seconds."""
    drawn: list[Any] = []

    def keep(figure: Any) -> bytes:
        drawn.append(figure)
        return PNG

    for module in (curves, finals, parallel):
        monkeypatch.setattr(module, "png_bytes", keep)
    several = [run(f"k={k} seed={s}", k + s / 9, str(k)) for k in range(30) for s in range(3)]
    comparison = rank_runs(several, "t", "best/val_loss")
    losses = [{1: 3.0, 2: 2.0 + place / 90} for place in range(len(several))]
    curves.draw_curves(comparison, "val/loss", losses)
    curves.draw_seeds(comparison, "val/loss", losses)
    finals.draw_finals(comparison)
    parallel.draw_parallel(comparison)
    assert len(drawn) == 4
    for figure in drawn:
        (axes,) = figure.axes
        assert len(axes.lines) + len(axes.collections) <= 6
        paths = sum(len(one.get_paths()) for one in axes.collections)
        assert paths >= 30  # and all are there


def test_a_long_line_keeps_its_extremes() -> None:
    line = [(step, math.sin(step / 100)) for step in range(50_000)]
    line[31_234], line[777] = (31_234, 9.0), (777, -9.0)
    thin = thinned(line)
    assert len(thin) <= 4 * COLUMNS < len(line)
    assert thin == sorted(set(thin)) and set(thin) <= set(line)
    assert {line[0], line[-1], line[31_234], line[777]} <= set(thin)
    assert thinned(line[: 4 * COLUMNS]) == line[: 4 * COLUMNS]


def test_without_runs_there_is_nothing_to_draw() -> None:
    assert draw_figures(Comparison("nothing", "best/val_loss", [], [])) == {}
