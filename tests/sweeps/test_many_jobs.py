"""What a sweep does once and not once a job: reading other runs, composing, drawing labels."""

import gc
import json
import multiprocessing
import os
import shutil
import signal
import tracemalloc
import uuid
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from single_sweep import only_sweep, results, statuses
from tiny import tiny

from rnnx.cli import hydra_app
from rnnx.cli.hydra_app import main
from rnnx.comparison.compare import compare_sweep
from rnnx.comparison.parallel import MAX_TICKS, draw_parallel
from rnnx.comparison.runs import jobs_of
from rnnx.config import composer
from rnnx.config.compose import compose
from rnnx.config.compose import composer as composer_of_now
from rnnx.config.identity import config_hash
from rnnx.config.overrides import Overrides
from rnnx.registry.manager import plugins
from rnnx.runs import compared_fields
from rnnx.runs.folder import RunFolder, runs_in
from rnnx.runs.known_runs import one_reading
from rnnx.runs.sweep_folder import JobResult, Sweep
from rnnx.sweeps import driver, job_configs, launcher, warmup
from rnnx.sweeps.job import run_job
from rnnx.sweeps.job_configs import JobConfigs
from rnnx.sweeps.records import Records
from rnnx.sweeps.warmup import warm_up, write_configs
from rnnx.system.machine import machine
from rnnx.system.signals import Stop
from rnnx_builtin.trackers.mlflow_store import MLflow

OTHERS = 12  # runs of other configurations
MOST_KEPT = 200  # bytes that a driver keeps of a job: of 10,000, the most there are, 2 MB


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the run.json of each run is opened."""
    count: Counter[str] = Counter()
    real = os.open

    def counting(path: Any, *arguments: Any, **named: Any) -> int:
        if Path(str(path)).name == "run.json":
            count[Path(str(path)).parent.name] += 1
        return real(path, *arguments, **named)

    monkeypatch.setattr(os, "open", counting)
    return count


def other_runs() -> set[str]:
    """Copies of a run under other configurations; their ids."""
    source = runs_in("outputs")[0]
    ids = {uuid.uuid4().hex for _ in range(OTHERS)}
    for name in ids:
        shutil.copytree(source.path, f"outputs/{name}")
        path = Path("outputs", name, "run.json")
        path.write_text(json.dumps({**source.read(), "id": name, "config_hash": name, "sweep": ""}))
    for path in Path("outputs").glob("*/run.json"):  # as if all had ended a while ago
        os.utime(path, (path.stat().st_mtime - 60,) * 2)
    return ids


def test_a_sweep_whose_jobs_have_finished_reads_each_other_run_once(
    names: Path, opened: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [*tiny(names), "steps=1", "seed=0,1,2,3"]
    assert main([*command, "hydra/launcher=basic"], multirun=True) == 0
    others = other_runs()
    for module in (driver, launcher):  # no job needs a process
        monkeypatch.setattr(module, "start_server", lambda folder: None)
    opened.clear()
    assert main(command, multirun=True) == 0
    assert statuses() == ["SKIPPED"] * 4
    assert {opened[name] for name in others} == {1}
    jobs = {result.run_id for result in results()}
    assert opened.keys() == jobs | others
    # With all runs, to be sure, for its place in the tracker, and for what the page shows of it.
    assert max(opened[name] for name in jobs) <= 7


def test_a_sweep_whose_jobs_have_finished_starts_no_process_and_draws_no_page_again(
    names: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [*tiny(names), "steps=1", "seed=0,1"]
    assert main([*command, "hydra/launcher=basic"], multirun=True) == 0
    for module in (driver, launcher):
        monkeypatch.setattr(module, "start_server", lambda folder: pytest.fail("started"))
    page = only_sweep().path / "comparison.html"
    drawn = page.stat().st_mtime_ns
    assert main(command, multirun=True) == 0
    assert statuses() == ["SKIPPED"] * 2
    assert not list(only_sweep().path.glob("jobs/*.json"))  # one file has all results
    skipped = only_sweep().path / "skipped.json"
    written = skipped.stat().st_mtime_ns
    with monkeypatch.context() as patch:  # nor is Hydra started
        patch.setattr(hydra_app, "_hydra", lambda arguments: pytest.fail("started"))
        assert main(command, multirun=True) == 0
    assert statuses() == ["SKIPPED"] * 2
    assert skipped.stat().st_mtime_ns == written
    assert page.stat().st_mtime_ns == drawn
    assert not (only_sweep().path / "warmup.json").exists()
    page.unlink()
    assert main(command, multirun=True) == 0
    assert page.is_file()
    drawn = page.stat().st_mtime_ns
    shutil.rmtree(Path("outputs", results()[1].run_id))
    assert main([*command, "hydra/launcher=basic"], multirun=True) == 0
    assert statuses() == ["SKIPPED", "FINISHED"]
    assert page.stat().st_mtime_ns > drawn
    assert not skipped.exists()


def test_the_jobs_of_a_sweep_are_compared_again_without_reading_their_runs(
    names: Path, opened: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [*tiny(names), "steps=1", "seed=0,1"]
    assert main([*command, "hydra/launcher=basic"], multirun=True) == 0
    other_runs()  # of which none changed a moment ago
    monkeypatch.setattr(compared_fields, "FEW", 1)
    with one_reading():
        jobs = [job._replace(folder=None) for job in jobs_of(only_sweep())]
        opened.clear()
        assert [job._replace(folder=None) for job in jobs_of(only_sweep())] == jobs
        assert not opened
        RunFolder(Path("outputs", jobs[0].run_id)).write({"loss_unit": "bits"})
        again = [job._replace(folder=None) for job in jobs_of(only_sweep())]
    assert opened[jobs[0].run_id] and not opened[jobs[1].run_id]
    assert again == [jobs[0]._replace(loss_unit="bits"), jobs[1]]


def test_a_sweep_composes_the_same_choices_once(
    names: Path, composed: list[tuple[str, ...]]
) -> None:
    assert main([*tiny(names), "seed=0,1"], multirun=True, dry_run=True) == 0
    assert len(composed) == len(set(composed))


def test_a_result_that_was_kept_does_not_hide_that_a_job_is_killed(
    names: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [*tiny(names), "steps=1", "seed=0,1"]
    assert main([*command, "hydra/launcher=basic"], multirun=True) == 0
    assert main(command, multirun=True) == 0
    assert statuses() == ["SKIPPED"] * 2
    shutil.rmtree(Path("outputs", results()[0].run_id))

    def killed(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(launcher, "start_server", lambda folder: None)
    monkeypatch.setattr(launcher, "run_job_process", killed)
    forking = multiprocessing.get_context("fork")
    monkeypatch.setattr(launcher.multiprocessing, "get_context", lambda name: forking)
    assert main(command, multirun=True) == 1
    assert statuses() == ["KILLED", "SKIPPED"]


def test_a_job_takes_over_what_the_driver_has_read(names: Path, opened: Counter[str]) -> None:
    command = [*tiny(names), "steps=1", "seed=0,1"]
    assert main([*command, "hydra/launcher=basic"], multirun=True) == 0
    others = other_runs()
    sweep, values = only_sweep(), compose([*tiny(names), "steps=1", "seed=2"])
    opened.clear()
    assert run_job(values, ["seed=2"], 2, sweep, alike=[]) == 0
    assert results()[2].status == "FINISHED"
    assert opened.keys().isdisjoint(others)
    (run,) = (run for run in runs_in("outputs") if run.read()["seed"] == 2)
    opened.clear()
    assert run_job(values, ["seed=2"], 2, sweep, alike=[run]) == 0
    assert (results()[2].status, results()[2].run_id) == ("SKIPPED", run.id)
    assert opened.keys() == {run.id}


@pytest.mark.parametrize("swept", ["seed=range(0,{})", "optimizer.learning_rate=range(1,{})"])
def test_a_dry_run_composes_as_often_for_many_jobs_as_for_few(
    swept: str, names: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count: Counter[int] = Counter()
    jobs, real = 0, composer._compose

    def counting(chosen: tuple[str, ...]) -> Any:
        count[jobs] += 1
        return real(chosen)

    monkeypatch.setattr(composer, "_compose", counting)
    for jobs in (3, 30):
        monkeypatch.setattr(composer, "_remembered", composer._Remembered())
        own = [*tiny(names), swept.format(jobs), "cell=gru,lstm"]
        assert main(own, multirun=True, dry_run=True) == 0
    assert count[3] == count[30]


def test_a_choice_is_composed_once_however_many_others_it_stands_beside(
    names: Path, composed: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    cells, optimizers = ["vanilla", "gru", "lstm", "mgu"], ["sgd", "adam", "rmsprop"]
    both = [f"cell={','.join(cells)}", f"optimizer={','.join(optimizers)}"]
    own = [text for text in tiny(names) if not text.startswith("cell.")]
    command = ["experiment=names", *own, *both, "params=2k,3k", "optimizer.learning_rate=0.1"]
    assert main(command, multirun=True, dry_run=True) == 0
    first = [chosen for chosen in composed if f"cell={cells[1]}" in chosen]
    assert 0 < len(first) <= len(optimizers)  # and not twelve
    assert len(composed) < len(cells) * len(optimizers)
    dry = len(composed)
    for module in (driver, launcher):
        monkeypatch.setattr(module, "start_server", lambda folder: None)

    def skipped(values: Any, overrides: list[str], job: int, sweep: Sweep, *_: Any) -> bool:
        sweep.store_result(JobResult(job, overrides, "SKIPPED"))
        return True

    monkeypatch.setattr(launcher, "skip_finished", skipped)
    assert main(command, multirun=True) == 0
    assert len(results()) == len(cells) * len(optimizers) * 2
    # What was composed to list the jobs serves to run them.
    again = [chosen for chosen in composed[dry:] if f"cell={cells[1]}" in chosen]
    assert len(again) <= len(first) + 1


def test_a_tracker_is_warmed_up_once_for_all_jobs(
    names: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warmed: list[str] = []
    monkeypatch.setattr(MLflow, "warm_up", lambda self: warmed.append(self.uri))
    own = [text for text in tiny(names) if not text.startswith("tracker")]
    stores = "sqlite:///one.db", "sqlite:///one.db", "sqlite:///two.db"
    configs = [compose([*own, "backend=numpy", f"tracker.uri={uri}"]) for uri in stores]
    write_configs(configs, tmp_path)
    warm_up(tmp_path)
    assert warmed == ["sqlite:///one.db", "sqlite:///two.db"]


def test_what_jobs_share_is_prepared_once_for_all_seeds(
    names: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    real = warmup.components_from

    def counting(config: Mapping[str, Any]) -> Any:
        made.append(config["cell"]["name"])
        return real(config)

    monkeypatch.setattr(warmup, "components_from", counting)
    own = [*tiny(names), "backend=numpy"]
    own = [text for text in own if not text.startswith("cell.")]
    both = [[*own, f"cell={cell}", f"seed={seed}"] for cell in ("gru", "lstm") for seed in range(3)]
    write_configs([compose(overrides) for overrides in both], tmp_path)
    monkeypatch.setattr(plugins(), "sources", {})
    machine.cache_clear()
    warm_up(tmp_path)
    assert machine.cache_info().currsize == 1
    assert made == ["gru", "lstm"]
    assert plugins().sources.keys() == {"rnnx"}  # no job reads all files of the code again


def test_the_kernels_of_updates_are_loaded_before_jobs_are_forked(
    names: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numba", reason="the extra 'fast' is not installed")
    tried: list[tuple[str, str]] = []

    def trying(clipper: Any, optimizer: Any, *how: Any) -> None:
        tried.append((type(clipper).__name__, type(optimizer).__name__))

    monkeypatch.setattr(warmup, "load", lambda *given: None)
    monkeypatch.setattr(warmup, "try_update", trying)
    own = [*tiny(names), "backend=fast", "clipper=value"]
    configs = [compose([*own, f"optimizer={name}"]) for name in ("adam", "sgd", "adam")]
    write_configs(configs, tmp_path)
    warm_up(tmp_path)
    assert tried == [("Value", "Adam"), ("Value", "SGD")]


def test_a_figure_names_no_more_values_than_can_be_read(
    names: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.axes import Axes

    assert main([*tiny(names), "hydra/launcher=basic", "steps=1", "seed=0,1"], multirun=True) == 0
    comparison = compare_sweep(only_sweep())
    first = comparison.runs[0]
    runs = [first._replace(settings={"seed": str(seed)}) for seed in range(1000)]
    labels: list[str] = []
    monkeypatch.setattr(Axes, "plot", lambda *_, **__: None)
    monkeypatch.setattr(Axes, "annotate", lambda _, text, *__, **___: labels.append(text))
    assert draw_parallel(comparison._replace(runs=runs))
    seeds = [int(text) for text in labels if text.isdecimal()]
    assert 10 < len(seeds) <= MAX_TICKS
    assert (seeds[0], seeds == sorted(seeds)) == (0, True)


def test_the_driver_keeps_nothing_of_a_job_that_has_ended(
    names: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its result nor its values, its configuration or its process."""
    monkeypatch.setattr(job_configs, "MOST_KEPT", 20)  # values, however many jobs there are
    few, many = 50, 250
    own = tiny(names)
    assert main(own) == 0
    (source,), values = runs_in("outputs"), compose(own)
    fields = source.read()
    for seed in range(many):  # as if each had been trained
        config = {**values, "seed": seed}
        about = {"id": f"run{seed}", "seed": seed, "config_hash": config_hash(config)}
        RunFolder(Path("outputs", about["id"])).path.mkdir()
        RunFolder(Path("outputs", about["id"])).write({**fields, **about})
    sweep = Sweep(Path("outputs/sweeps/one"))
    (sweep.path / "jobs").mkdir(parents=True)
    sweep.write({"swept": ["seed"], "parent": "of it"})
    held: dict[int, int] = {}

    def ended(result: JobResult) -> None:
        assert result.status == "SKIPPED"
        if result.job + 1 in (few, many):
            gc.collect()
            held[result.job + 1] = tracemalloc.get_traced_memory()[0]

    with composer_of_now() as make, Stop() as stop:
        make_values = JobConfigs(make, Overrides(())).values
        pool = launcher.Pool(sweep, "outputs", 2, make_values, ended, Records("outputs"))
        tracemalloc.start()
        try:
            pool.run(((job, [*own, f"seed={job}"]) for job in range(many)), stop)
        finally:
            tracemalloc.stop()
    assert (held[many] - held[few]) / (many - few) < MOST_KEPT
