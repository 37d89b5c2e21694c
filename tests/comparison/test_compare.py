"""`rnnx compare`: which runs a name means, their ranking, and the table as text, CSV and JSON."""

import csv
import io
import json
import math
import statistics
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console
from tiny import tiny

import rnnx
from rnnx.cli.main import commands
from rnnx.comparison.compare import compare, compare_sweep, rank_runs
from rnnx.comparison.printing import print_comparison
from rnnx.comparison.runs import ComparedRun
from rnnx.comparison.seeds_table import group_rows
from rnnx.comparison.statistics import mean_and_spread
from rnnx.comparison.table import as_json, print_tables, run_rows, shown_metrics
from rnnx.errors import ConfigError, RunNotFound, StoreError
from rnnx.runs.metrics_file import read_history
from rnnx.runs.sweep_folder import Sweep

Make = Callable[..., ComparedRun]


def test_a_sweep_is_ranked_and_its_seeds_come_together(sweep: Sweep) -> None:
    found = compare([sweep.id[:5]])
    losses = [found.value(one) for one in found.runs]
    assert losses[:4] == sorted(losses[:4])
    assert found.runs[-1].status == "FAILED"
    assert "gone.txt" in found.runs[-1].reason
    assert {group.name for group in found.groups} == {"cell=vanilla", "cell=gru"}
    for group in found.groups:
        own = [found.value(one) for one in found.with_value() if one.group == group.hash]
        assert len(own) == 2
        assert group.mean == pytest.approx(sum(own) / 2)
        assert group.spread == pytest.approx(statistics.stdev(own))
    assert found.groups[0].mean < found.groups[1].mean


@pytest.mark.parametrize("status", ["KILLED", "RUNNING"])
def test_a_run_that_has_not_ended_has_its_best_loss_so_far(status: str, names: Path) -> None:
    folder = rnnx.train(tiny(names, "steps=12", "eval_every=4")).folder
    losses = [point.value for point in read_history(folder.metrics)["val/loss"]]
    metrics = folder.read()["metrics"]
    del metrics["best/val_loss"]
    folder.write({"status": status, "metrics": metrics if status == "KILLED" else {}})
    (found,) = compare([folder.id]).runs
    assert found.metrics["best/val_loss"] == min(losses)


def test_all_ways_to_name_a_sweep_and_its_runs(sweep: Sweep) -> None:
    whole = compare([sweep.id])
    ids = [one.run_id for one in whole.runs]
    runs = [run_id for run_id in ids if run_id]
    assert len(runs) == 4
    assert [one.run_id for one in compare([str(sweep.path)]).runs] == ids
    assert [one.run_id for one in compare(["last"]).runs] == ids
    assert compare(["last"]).title == whole.title == compare_sweep(sweep).title
    pair = compare([runs[1][:12], str(sweep.path.parents[1] / runs[0])])
    assert {one.run_id for one in pair.runs} == set(runs[:2])
    twice = compare([sweep.id, runs[0], runs[0]])
    assert len(twice.runs) == len(whole.runs)


@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_running_job_is_there_by_its_points(sweep: Sweep, is_damaged: bool) -> None:
    folder = compare_sweep(sweep).runs[0].folder
    assert folder is not None
    fields = folder.read()
    job = sweep.path / "jobs" / f"{fields['job']}.json"
    result = job.read_text("utf-8")
    try:
        job.unlink()
        folder.write({"status": "RUNNING", "metrics": "damaged" if is_damaged else {}})
        now = {one.run_id: one for one in compare_sweep(sweep).runs}
        if is_damaged:  # its run.json is passed over, and with it the run
            assert folder.id not in now
        else:
            assert now[folder.id].status == "RUNNING"
            assert now[folder.id].metrics["val/loss"] == fields["metrics"]["val/loss"]
    finally:
        job.write_text(result, "utf-8")
        folder.write(fields)


def test_other_metrics_and_the_direction_that_is_better(sweep: Sweep) -> None:
    speeds = compare([sweep.id], "final/tokens_per_s")
    values = [speeds.value(one) for one in speeds.with_value()]
    assert len(values) == 4
    assert values == sorted(values, reverse=True)
    with pytest.raises(ConfigError, match=r"--metric val/los: .*did you mean val/loss\?"):
        compare([sweep.id], "val/los")


def test_what_is_not_finite_comes_last_and_counts_in_no_mean(run: Make) -> None:
    several = [run("a seed=0", math.nan), run("b", math.inf), run("c seed=2", 1.0)]
    found = rank_runs(several, "t", "best/val_loss")
    assert [one.name for one in found.runs] == ["c seed=2", "a seed=0", "b"]
    assert found.groups[0].values == [1.0]
    assert math.isnan(found.groups[0].spread)
    assert group_rows(found) == []  # one seed has no spread to show
    read = json.loads(as_json(found), parse_constant=pytest.fail)
    assert read["runs"][1]["metrics"]["best/val_loss"] is None


def test_means_and_spreads_of_few_and_of_huge_values() -> None:
    assert mean_and_spread([1.0, 2.0, 4.5]) == pytest.approx((2.5, statistics.stdev([1, 2, 4.5])))
    assert mean_and_spread([2.0, 2.0]) == (2.0, 0.0)
    one, none = mean_and_spread([3.0]), mean_and_spread([])
    assert one[0] == 3.0 and math.isnan(one[1])
    assert math.isnan(none[0]) and math.isnan(none[1])
    assert mean_and_spread([2.0, 1.7e308, 1.7e308]) == (math.inf, math.inf)


def test_a_run_that_diverges_leaves_the_table_readable(run: Make) -> None:
    several = [run(f"lr={loss} seed={s}", loss, str(loss)) for loss in (2.0, 9e307) for s in (0, 1)]
    found = rank_runs(several, "t", "best/val_loss")
    assert [(group.mean, group.spread) for group in found.groups] == [(2.0, 0.0), (math.inf,) * 2]
    cells = run_rows(found, shown_metrics(found))
    assert [row[-1] for row in cells] == ["2.0000", "2.0000", "9e+307", "9e+307"]


def test_csv_and_json_hold_what_the_table_shows(
    sweep: Sweep, capsys: pytest.CaptureFixture[str]
) -> None:
    print_comparison([sweep.id], "best/val_loss", "csv")
    table = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    print_comparison([sweep.id], "best/val_loss", "json")
    told = json.loads(capsys.readouterr().out)
    assert len(table) == len(told["runs"]) == 5
    assert all(len(row) == len(table[0]) and None not in row for row in table)
    for row, one in zip(table[:4], told["runs"][:4], strict=True):
        assert row["run"] == one["run"]
        assert float(row["best/val_loss"]) == one["metrics"]["best/val_loss"]
        group = next(group for group in told["groups"] if group["group"] == one["group"])
        assert (float(row["mean"]), float(row["spread"])) == (group["mean"], group["spread"])
    print_comparison([sweep.id], "best/val_loss")
    head, *lines = capsys.readouterr().out.split("\n")
    names = head.split("\t")
    assert {"rank", "name", "status", "best/val_loss", "final/val_loss", "final/seconds"} < {*names}
    assert all(len(line.split("\t")) == len(names) for line in lines[:5])
    assert any(line.startswith("cell=gru\t2\t") and " ± " in line for line in lines)


def test_a_terminal_gets_numbers_aligned_to_the_right(run: Make) -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system=None, width=80)
    runs = [run("a seed=0", 1.0), run("a seed=1", 12.5)._replace(reason="[none]")]
    print_tables(rank_runs(runs, "t", "best/val_loss"), console)
    assert [line.rstrip() for line in file.getvalue().splitlines()] == [
        " rank  name      status    run       best/val_loss  cause",
        "    1  a seed=0  FINISHED  a seed=0         1.0000",
        "    2  a seed=1  FINISHED  a seed=1        12.5000  [none]",
        "",
        " over seeds  seeds  best/val_loss ± spread       95 % interval",
        " default     2             6.7500 ± 8.1317  -66.3107 … 79.8107",
    ]


def test_a_name_stays_in_its_cell(run: Make) -> None:
    found = rank_runs([run("a\tb\n\x1b[31mc", 1.0)], "t", "best/val_loss")
    assert run_rows(found, shown_metrics(found))[0][1] == r"a\tb\n\x1b[31mc"


def test_errors_are_input_errors_of_one_line(sweep: Sweep, tmp_path: Path) -> None:
    for name in ("zz", "~nobody1234"):
        with pytest.raises(RunNotFound, match=f"{name}: no such run"):
            compare([name])
    for page in (str(tmp_path / "none" / "a.html"), "~nobody1234/a.html"):
        with pytest.raises(StoreError, match="cannot be written"):
            print_comparison([sweep.id], "best/val_loss", None, page)
    done = CliRunner().invoke(commands, ["compare"])
    assert done.exit_code == 2
    assert "SWEEP_OR_RUNS" in done.output


def test_a_beginning_of_several_names_is_refused(sweep: Sweep) -> None:
    other = sweep.path.with_name(f"{sweep.id[:5]}zzz")
    other.mkdir()
    try:
        (other / "sweep.json").write_text("{", "utf-8")
        with pytest.raises(RunNotFound, match="2 runs and sweeps begin so"):
            compare([sweep.id[:5]])
        with pytest.raises(RunNotFound, match="has no runs yet"):
            compare([other.name])
    finally:
        (other / "sweep.json").unlink()
        other.rmdir()


def test_a_damaged_sweep_file_loses_only_the_names_of_its_jobs(sweep: Sweep) -> None:
    path = sweep.path / "sweep.json"
    whole = path.read_text("utf-8")
    try:
        path.write_text("{", "utf-8")
        found = compare([sweep.id])
        assert {one.name for one in found.with_value()} == {
            f"cell={cell} seed={seed}" for cell in ("vanilla", "gru") for seed in (0, 1)
        }  # the names of the runs
        assert {one.settings["cell"] for one in found.with_value()} == {"vanilla", "gru"}
        assert found.runs[-1].name == "default"
    finally:
        path.write_text(whole, "utf-8")


def test_a_job_that_was_skipped_is_the_run_that_finished_before(sweep: Sweep) -> None:
    first = compare_sweep(sweep).runs[0]
    (result,) = [one for one in sweep.results() if one.run_id == first.run_id]
    assert (first.name, first.status) == (sweep.name(result.overrides), "FINISHED")
    try:
        sweep.store_result(result._replace(status="SKIPPED", reason="had finished before"))
        again = compare_sweep(sweep).runs[0]
        assert (again.run_id, again.status, again.reason) == (first.run_id, "FINISHED", "")
        sweep.store_result(result._replace(status="KILLED", reason="by a signal"))
        killed = compare_sweep(sweep).runs[0]
        assert (killed.run_id, killed.status) == (first.run_id, "KILLED")
        assert killed.reason == "by a signal"
    finally:
        sweep.store_result(result)
