"""`rnnx compare` and the page at a sweep's end, on folders that tiny runs made."""

import csv
import io
import json
import math
import re
import statistics
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from tiny import tiny

from rnnx.cli.main import commands
from rnnx.comparison.compare import Comparison, Entry, compare, of_sweep, ranked
from rnnx.comparison.figures import axis, draw, over_seeds, top
from rnnx.comparison.page import html, keep, texts_of, write_pages
from rnnx.comparison.printing import print_comparison
from rnnx.comparison.table import as_json, columns, rows
from rnnx.config.compose import compose
from rnnx.contracts.trackers import RunLog
from rnnx.errors import ConfigError, RunNotFound, StoreError
from rnnx.runs.folder import RunFolder
from rnnx.runs.sweep_folder import Sweep
from rnnx.sweeps.job import run_job

PNG = b"\x89PNG\r\n"
ODD = "<script>alert(1)</script> $x_{ & \"'"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sweep]:
    """Two cells with two seeds each, and a job that fails before it has a run."""
    home = tmp_path_factory.mktemp("sweep")
    names = home / "names.txt"
    names.write_text("".join(f"{a}{b}us\n" for a in "abcdef" for b in "aeiou"), "utf-8")
    swept = ["cell=vanilla,gru", "seed=0,1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setenv("RNNX_CACHE", str(home / "cache"))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        sweep = Sweep.open("outputs", tiny(names, *swept), ["cell", "seed"], anew=False)
        sweep.write({"parent": "none"})
        jobs = [[f"cell={cell}", f"seed={seed}"] for cell in ("vanilla", "gru") for seed in (0, 1)]
        for number, own in enumerate(jobs):
            assert run_job(compose(tiny(names, *own)), own, number, sweep) == 0
        own = ["cell=gru", "seed=7"]
        gone = compose(tiny(home / "gone.txt", *own))
        assert run_job(gone, own, len(jobs), sweep) == 1
        yield Sweep(sweep.path.resolve())


@pytest.fixture
def sweep(made: Sweep, monkeypatch: pytest.MonkeyPatch) -> Sweep:
    """The same, from the folder that it was made in."""
    monkeypatch.chdir(made.path.parents[2])
    return made


def entry(name: str, loss: float, group: str = "g", run_id: str = "") -> Entry:
    pairs = (word.partition("=")[::2] for word in name.split() if "=" in word)
    metrics = {"best/val_loss": loss}
    return Entry(name, "FINISHED", run_id or name, "", dict(pairs), metrics, group, None)


def test_a_sweep_is_ranked_and_its_seeds_come_together(sweep: Sweep) -> None:
    found = compare([sweep.id[:5]])
    losses = [found.value(one) for one in found.entries]
    assert losses[:4] == sorted(losses[:4])
    assert found.entries[-1].status == "FAILED"
    assert "gone.txt" in found.entries[-1].reason
    assert {group.name for group in found.groups} == {"cell=vanilla", "cell=gru"}
    for group in found.groups:
        own = [found.value(e) for e in found.with_value() if e.group == group.hash]
        assert len(own) == 2
        assert group.mean == pytest.approx(sum(own) / 2)
        assert group.spread == pytest.approx(statistics.stdev(own))
    assert found.groups[0].mean <= found.groups[1].mean


def test_all_ways_to_name_a_sweep_and_its_runs(sweep: Sweep) -> None:
    whole = compare([sweep.id])
    runs = [one.run_id for one in whole.entries if one.run_id]
    ids = [one.run_id for one in whole.entries]
    assert [one.run_id for one in compare([str(sweep.path)]).entries] == ids
    assert [one.run_id for one in compare(["last"]).entries] == ids
    assert compare(["last"]).title == whole.title == of_sweep(sweep).title
    pair = compare([runs[1][:12], str(sweep.path.parents[1] / runs[0])])
    assert {one.run_id for one in pair.entries} == set(runs[:2])
    twice = compare([sweep.id, runs[0], runs[0]])
    assert len(twice.entries) == len(whole.entries)


def test_a_running_job_is_there_by_its_points(sweep: Sweep) -> None:
    found = of_sweep(sweep)
    folder = found.entries[0].folder
    assert folder is not None
    known, job = folder.read(), sweep.path / "jobs" / f"{folder.read()['job']}.json"
    outcome = job.read_text("utf-8")
    try:
        job.unlink()
        folder.write({"status": "RUNNING", "metrics": {}})
        now = {one.run_id: one for one in of_sweep(sweep).entries}[folder.id]
        assert now.status == "RUNNING"
        assert now.metrics["val/loss"] == known["metrics"]["val/loss"]
    finally:
        job.write_text(outcome, "utf-8")
        folder.write(known)


def test_other_metrics_and_the_direction_that_is_better(sweep: Sweep) -> None:
    speeds = compare([sweep.id], "final/tokens_per_s")
    values = [speeds.value(one) for one in speeds.with_value()]
    assert values == sorted(values, reverse=True)
    with pytest.raises(ConfigError, match=r"--metric val/los: .*did you mean val/loss\?"):
        compare([sweep.id], "val/los")


def test_what_is_not_finite_comes_last_and_counts_in_no_mean() -> None:
    several = [entry("a seed=0", math.nan), entry("b", math.inf), entry("c seed=2", 1.0)]
    found = ranked(several, "t", "best/val_loss")
    assert found.entries[0].name == "c seed=2"
    assert found.groups[0].values == [1.0]
    assert math.isnan(found.groups[0].spread)
    read = json.loads(as_json(found), parse_constant=pytest.fail)
    assert read["runs"][1]["metrics"]["best/val_loss"] is None


def test_csv_and_json_hold_what_the_table_shows(
    sweep: Sweep, capsys: pytest.CaptureFixture[str]
) -> None:
    print_comparison([sweep.id], "best/val_loss", "csv")
    table = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    print_comparison([sweep.id], "best/val_loss", "json")
    told = json.loads(capsys.readouterr().out)
    assert len(table) == len(told["runs"]) == 5
    for row, run in zip(table[:4], told["runs"][:4], strict=True):
        assert row["run"] == run["run"]
        assert float(row["best/val_loss"]) == run["metrics"]["best/val_loss"]
        group = next(group for group in told["groups"] if group["group"] == run["group"])
        assert (float(row["mean"]), float(row["spread"])) == (group["mean"], group["spread"])
    print_comparison([sweep.id], "best/val_loss")
    head, *lines = capsys.readouterr().out.split("\n")
    names = head.split("\t")
    assert {"rank", "name", "status", "best/val_loss", "final/val_loss", "final/seconds"} < {*names}
    assert all(len(line.split("\t")) == len(names) for line in lines[:5])
    assert any(line.startswith("cell=gru\t2\t") and " ± " in line for line in lines)


def test_a_name_stays_in_its_cell() -> None:
    found = ranked([entry("a\tb\n\x1b[31mc", 1.0)], "t", "best/val_loss")
    assert rows(found, columns(found))[0][1] == "a b [31mc"


def test_errors_are_input_errors_of_one_line(sweep: Sweep, tmp_path: Path) -> None:
    with pytest.raises(RunNotFound, match="zz: no such run"):
        compare(["zz"])
    with pytest.raises(StoreError, match="cannot be written"):
        print_comparison([sweep.id], "best/val_loss", None, str(tmp_path / "none" / "a.html"))
    done = CliRunner().invoke(commands, ["compare"])
    assert done.exit_code == 2
    assert "SWEEP_OR_RUNS" in done.output


def test_several_that_begin_so_are_told(sweep: Sweep) -> None:
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


def test_a_damaged_sweep_file_costs_the_names_alone(sweep: Sweep) -> None:
    path = sweep.path / "sweep.json"
    whole = path.read_text("utf-8")
    try:
        path.write_text("{", "utf-8")
        found = compare([sweep.id])
        assert len(found.with_value()) == 4
    finally:
        path.write_text(whole, "utf-8")


class Reader(HTMLParser):
    """Every tag and every address on a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for key, value in attrs if key in ("src", "href")]


def test_the_page_has_everything_inside(sweep: Sweep) -> None:
    page, *figures = write_pages(of_sweep(sweep), sweep.path / "comparison.html")
    assert [path.name for path in figures] == [
        f"comparison_{name}.png" for name in ("curves", "seeds", "parallel")
    ]
    assert all(path.read_bytes().startswith(PNG) for path in figures)
    text, reader = page.read_text("utf-8"), Reader()
    reader.feed(text)
    assert reader.tags.count("img") == 3
    assert all(address.startswith("data:image/png;base64,") for address in reader.addresses)
    assert not {"script", "link", "iframe"} & {*reader.tags}
    assert "http" not in re.sub("http-equiv", "", text)
    found = of_sweep(sweep)
    best, worst = found.with_value()[0], found.with_value()[-1]
    assert f"The best run: {best.name}" in text
    assert f"The worst run: {worst.name}" in text
    assert "gone.txt" in text


def test_nothing_from_data_becomes_markup(sweep: Sweep, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    with folder.samples.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("step", "text"), ("1", "old"), ("final", ODD)])
    points = [["val/loss", 3.0 - step, step, 0] for step in (1, 2)]
    folder.metrics.write_text("".join(json.dumps(p) + "\n" for p in points), "utf-8")
    assert texts_of(folder) == [ODD]
    odd = entry(f"cell={ODD}", 1.0)._replace(folder=folder, reason=ODD, status=ODD)
    both = [
        odd._replace(settings={ODD: value, "seed": value}, run_id=value, metrics={ODD: loss})
        for value, loss in ((ODD, 1.0), ("_b", 2.0))
    ]
    found = ranked(both, ODD, ODD)
    figures = draw(found)
    assert set(figures) == {"curves", "seeds", "parallel"}
    reader = Reader()
    text = html(found, figures)
    reader.feed(text)
    assert "script" not in reader.tags
    assert text.count("&lt;script&gt;") > 8


class Log:
    """A tracker's run that keeps what it is given."""

    id = "parent"

    def __init__(self) -> None:
        self.files: list[str] = []

    def file(self, path: Path, folder: str = "") -> None:
        assert path.is_file()
        self.files.append(f"{folder}/{path.name}")


def test_a_sweep_keeps_its_page_and_never_fails_by_it(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = Log()
    keep(sweep, log)  # type: ignore[arg-type]
    assert log.files[0] == "/comparison.html"
    assert len([name for name in log.files if name.startswith("figures/")]) == 3

    def full(self: RunLog, path: Path, folder: str = "") -> None:
        raise OSError("disk is full")

    monkeypatch.setattr(Log, "file", full)
    keep(sweep, log)  # type: ignore[arg-type]
    told = capsys.readouterr().err.strip().split("\n")
    assert len(told) == 1
    assert "disk is full" in told[0]


def test_a_sweep_without_any_figure_has_a_page(tmp_path: Path) -> None:
    empty = Comparison("nothing", "best/val_loss", [], [])
    assert "no runs" in write_pages(empty, tmp_path / "a.html")[0].read_text("utf-8")
    assert draw(empty) == {}


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
def test_an_axis_goes_from_0_to_1(values: list[str], heights: list[float]) -> None:
    assert axis(values)[0] == pytest.approx(heights)


def test_a_run_that_diverges_hides_no_other() -> None:
    assert top([2.0, 3.3, 1e30]) == 3.3
    assert top([2.0, 19.0]) == 19.0
    assert top([-1.0, 50.0]) == 50.0
    several = [entry(f"lr={loss} seed={s}", loss) for loss in (2.0, 1.7e308) for s in (0, 1)]
    found = ranked(several, "t", "best/val_loss")
    assert found.groups[0].spread in (math.inf, pytest.approx(0, abs=1e308))
    assert all(len(cell) < 40 for row in rows(found, columns(found)) for cell in row)
    assert "parallel" in draw(found)
