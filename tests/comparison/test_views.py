"""What a tracker's page is asked to show of runs."""

import json
from pathlib import Path
from typing import Any

import pytest

from rnnx.comparison.pages import closing_line, page_of
from rnnx.comparison.views import (
    Shown,
    _bars,
    folders_of,
    shown_of_folders,
    view_of_experiment,
    view_of_run,
    view_of_stored_sweep,
    view_of_sweep,
)
from rnnx.config.compose import compose
from rnnx.contracts import (
    BarChart,
    ImageChart,
    LineChart,
    ParallelChart,
    ScatterChart,
    Setting,
    View,
)
from rnnx.contracts.trackers import UI, RunSummary
from rnnx.errors import StoreError
from rnnx.runs.folder import RunFolder
from rnnx.runs.sweep_folder import JobResult, Sweep
from rnnx_builtin.trackers.none import Nothing

METRICS = [
    "train/loss",
    "train/smooth_loss",
    "val/loss",
    "best/val_loss",
    "final/train_loss",
    "grad/norm",
    "lr",
    "samples/new",
    "a_probe/x",
    "a_probe/y",
    "speed/tokens_per_s",
]


def a_run(job: int, metrics: list[str] = METRICS, sweep: str = "s") -> RunFolder:
    about = {"id": f"run{job}", "sweep": sweep, "job": job, "metrics": dict.fromkeys(metrics, 1.0)}
    folder = RunFolder.create("outputs", about, compose([]))
    folder.begin(f"run{job}")
    return folder


def an_image(folder: RunFolder, name: str, step: int) -> None:
    path = folder.path / "images" / name
    path.mkdir(parents=True, exist_ok=True)
    (path / f"step_{step:06}.png").write_bytes(b"")


def a_sweep(*jobs: list[str], metrics: list[str] = METRICS) -> Sweep:
    sweep = Sweep(Path("outputs/sweeps/s"))
    (sweep.path / "jobs").mkdir(parents=True)
    sweep.write({"swept": [text.partition("=")[0] for text in jobs[0]]})
    for job, overrides in enumerate(jobs):
        folder = a_run(job, metrics)
        sweep.store_result(JobResult(job, overrides, "FINISHED", run_id=folder.id))
    return sweep


def charts(view: View, title: str) -> list[Any]:
    return [
        chart for section in view.sections if section.title == title for chart in section.charts
    ]


def test_the_view_of_the_newest_runs_has_charts_of_what_there_is() -> None:
    first, second = a_run(0), a_run(1, ["train/loss", "b_probe/z"])
    for step in (1, 20):
        an_image(first, "a_probe_norm", step)
    an_image(second, "a_probe_norm", 10)
    view = view_of_experiment(shown_of_folders([first, second]))
    both, held_out, training = charts(view, "Loss by step")
    assert both.metrics == ["train/smooth_loss", "val/loss"]
    assert (held_out.metrics, training.metrics) == (["val/loss"], ["train/loss"])
    assert charts(view, "Loss at the end") == [BarChart("Best held-out loss", "best/val_loss")]
    lines = charts(view, "Gradient and learning rate")
    assert [chart.metrics for chart in lines] == [["grad/norm"], ["lr"]]
    assert [chart.metrics for chart in charts(view, "Samples")] == [["samples/new"]]
    probes = [chart.title for chart in charts(view, "Probes")]
    assert probes == ["a_probe/x", "a_probe/y", "b_probe/z"]
    assert charts(view, "Images") == [ImageChart("a_probe_norm", 20)]
    assert not view.groups and not view.best_first and not view.tags


def test_runs_without_held_out_data_are_shown_by_their_training_loss() -> None:
    metrics = frozenset({"train/loss", "train/smooth_loss", "final/train_loss"})
    view = view_of_experiment(Shown(metrics, {}, []))
    assert [chart.metrics for chart in charts(view, "Loss by step")] == [
        ["train/smooth_loss"],
        ["train/loss"],
    ]
    assert charts(view, "Loss at the end") == [BarChart("Training loss", "final/train_loss")]
    assert [section.title for section in view.sections] == ["Loss by step", "Loss at the end"]


def test_a_run_has_the_metrics_of_a_probe_in_one_chart() -> None:
    view = view_of_run("abc", shown_of_folders([a_run(0)]))
    assert view.runs == ["abc"] and not view.name
    assert charts(view, "Probes") == [LineChart("a_probe", ["a_probe/x", "a_probe/y"])]


QUANTILES = [f"gates.layer0.f/q{per_cent}" for per_cent in (10, 25, 50, 75, 90)]


def test_levels_are_in_the_chart_of_their_metric_and_lengths_in_charts_of_their_own() -> None:
    levels = ["level/accuracy_chance", "level/accuracy_optimum", "level/loss_chance"]
    others = ["val/sequence_accuracy", "by_length/accuracy", "by_age/loss", "criterion/solved_at"]
    folder = a_run(0, [*METRICS, "val/accuracy", *levels, *others])
    view = view_of_run("run0", shown_of_folders([folder]))
    charts = {section.title: section.charts for section in view.sections}
    accuracy, sequence = charts["Metrics of the held-out data"]
    assert accuracy == LineChart("accuracy", ["val/accuracy", *levels[:2]])
    assert sequence == LineChart("sequence_accuracy", ["val/sequence_accuracy"])
    assert (
        LineChart("Held-out loss", ["val/loss", levels[2]], is_log=True) in charts["Loss by step"]
    )
    assert charts["By length and by age"] == [
        LineChart("by age: loss", ["by_age/loss"]),
        LineChart("by length: accuracy", ["by_length/accuracy"]),
    ]
    assert [chart.title for chart in charts["Probes"]] == ["a_probe"]


def test_the_quantiles_of_a_distribution_are_in_one_chart() -> None:
    found = shown_of_folders([a_run(0, [*QUANTILES, "a_probe/x", "lone"])])
    of_run = charts(view_of_run("abc", found), "Probes")
    assert of_run == [
        LineChart("a_probe", ["a_probe/x"]),
        LineChart("gates.layer0.f", QUANTILES),
        LineChart("lone", ["lone"]),
    ]
    # Of many runs: the median, and what four fifths are between.
    of_several = charts(view_of_experiment(found), "Probes")
    assert of_several[1] == LineChart("gates.layer0.f", QUANTILES[::2])


def test_what_a_probe_has_measured_once_is_a_bar() -> None:
    folder = a_run(0, ["music/nats/pitch", "music/solo/notes", "best/val_loss"])
    points = [("music/nats/pitch", 10), ("music/solo/notes", 0), ("best/val_loss", 10)]
    lines = (json.dumps([key, 1.0, step, 1000]) for key, step in points)
    folder.metrics.write_text("".join(f"{line}\n" for line in lines))
    found = shown_of_folders([folder])
    for view in (view_of_run("abc", found), view_of_experiment(found)):
        assert [chart.metrics for chart in charts(view, "Probes")] == [["music/nats/pitch"]]
        ended = charts(view, "Probes at the end")
        assert ended == [BarChart("music/solo/notes", "music/solo/notes")]


def test_a_run_that_is_still_training_is_shown_by_its_points() -> None:
    folder = a_run(0, [])
    folder.metrics.write_text('["train/loss", 3.1, 1, 1000]\n')
    assert shown_of_folders([folder]).metrics == {"train/loss"}


def test_seeds_of_a_sweep_are_grouped_by_the_other_keys() -> None:
    view = view_of_sweep(a_sweep(["cell=lstm", "seed=0"], ["cell=gru", "seed=1"]))
    assert view.tags == {"sweep.id": "s"}
    assert view.groups == [Setting("cell.name")]
    assert view.settings == [Setting("cell.name"), Setting("seed")]
    assert view.best_first == "best/val_loss"
    assert view.name == "rnnx: sweep s: cell, seed"


def test_a_sweep_of_seeds_alone_is_one_group() -> None:
    view = view_of_sweep(a_sweep(["seed=0"], ["seed=1"]))
    assert view.groups == [Setting("rnnx.seedless_hash", is_tag=True)]


def test_a_sweep_without_seeds_has_its_runs_against_the_swept_numbers() -> None:
    jobs = [
        [f"optimizer.learning_rate={rate}", f"cell={cell}"]
        for rate in ("1e-3", "0.1")
        for cell in ("gru", "lstm")
    ]
    view = view_of_sweep(a_sweep(*jobs))
    rate, goal = "optimizer.learning_rate", "best/val_loss"
    assert charts(view, "Loss at the end") == [
        BarChart("Best held-out loss", goal),
        ScatterChart(f"Best held-out loss by {rate}", rate, goal),
        ParallelChart("Best held-out loss by all swept keys", [rate, "cell.name"], goal),
    ]
    assert not view.groups


def test_a_key_that_is_no_parameter_is_the_tag_of_the_sweep() -> None:
    view = view_of_sweep(a_sweep(["experiment=text", "seed=0"], ["experiment=names", "seed=1"]))
    assert view.groups == [Setting("sweep.experiment", is_tag=True)]
    assert all(isinstance(chart, BarChart) for chart in charts(view, "Loss at the end"))


def test_the_jobs_that_run_are_shown_where_none_has_ended() -> None:
    sweep = Sweep(Path("outputs/sweeps/s"))
    (sweep.path / "jobs").mkdir(parents=True)
    sweep.write({"swept": ["seed"]})
    a_run(0)
    assert charts(view_of_sweep(sweep), "Loss by step")


def test_a_sweep_of_which_only_the_tracker_knows() -> None:
    def entry(rate: str) -> RunSummary:
        tags = {"sweep.id": "s", "sweep.optimizer.learning_rate": rate, "rnnx.parent": "p"}
        return RunSummary(rate, "FINISHED", rate, 0.0, "/nowhere", {"best/val_loss": 1.0}, tags)

    view = view_of_stored_sweep([entry("0.1"), entry("0.2")], Path("outputs"))
    assert view.tags == {"sweep.id": "s"}
    assert view.settings == [Setting("sweep.optimizer.learning_rate", is_tag=True)]


class Away(Nothing):
    """A tracker whose store does not answer."""

    def view(self, view: View, host: str, port: int) -> UI:
        raise StoreError("http://\x1b[1mx: no\nanswer")


def test_a_store_that_fails_costs_the_page_alone(capsys: pytest.CaptureFixture[str]) -> None:
    view = view_of_experiment(Shown(frozenset(METRICS), {}, []))
    assert page_of(Away(), lambda: view) is None
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "\x1b" not in said
    assert said.startswith("rnnx: no page of charts (http://")
    assert page_of(Nothing(), lambda: view) is None
    assert capsys.readouterr().err == ""


def test_the_last_line_names_the_command_or_the_page() -> None:
    assert closing_line(UI("http://127.0.0.1:5000/#/x", ["serve"], {}), "s").startswith(
        "rnnx ui s "
    )
    assert closing_line(UI("http://server/#/x", [], {}), "s") == "charts: http://server/#/x"


def test_the_chart_of_losses_in_different_units_says_so() -> None:
    metrics = frozenset({"best/val_loss"})
    nats = ("absolute error", "nats a step")
    alike, mixed = (Shown(metrics, {}, [], units=units) for units in ((), nats))
    assert _bars(alike).title == "Best held-out loss"
    assert _bars(mixed).title.endswith("not comparable between units: absolute error, nats a step")


def test_a_configuration_is_read_for_swept_keys_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To parse one takes longer than all else at the end of a run."""
    monkeypatch.chdir(tmp_path)
    sweep = a_sweep(["cell.hidden_size=8"], ["cell.hidden_size=16"])
    folders = folders_of(sweep)
    read: list[RunFolder] = []

    def stored_config(folder: RunFolder) -> Any:
        read.append(folder)
        return compose([])

    monkeypatch.setattr("rnnx.comparison.views.stored_config", stored_config)
    assert view_of_experiment(shown_of_folders(folders)).sections
    assert view_of_run("run0", shown_of_folders(folders[:1])).sections
    assert read == []
    assert view_of_sweep(sweep).settings == [Setting("cell.hidden_size")]
    assert len(read) == 1
