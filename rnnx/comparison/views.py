"""What a tracker's page shows of runs: of a whole experiment, of one sweep, of one run.

Charts are of metrics and images that the runs have. The page of a sweep has the swept keys beside
the runs; where seeds are swept, runs that differ in their seed alone are one line and one bar.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from rnnx.comparison.bands import quantile_of
from rnnx.comparison.runs import BEST_LOSS
from rnnx.config.identity import flat_params
from rnnx.contracts.trackers import RunSummary
from rnnx.contracts.views import (
    BarChart,
    Chart,
    ImageChart,
    LineChart,
    ParallelChart,
    ScatterChart,
    Section,
    Setting,
    View,
)
from rnnx.errors import RnnxError, RunNotFound
from rnnx.runs.find import folder_here
from rnnx.runs.folder import RunFolder, runs_with
from rnnx.runs.metrics_file import read_history
from rnnx.runs.paths import name_of
from rnnx.runs.stored_config import stored_config
from rnnx.runs.sweep_folder import Sweep

LOOKED_AT = 20  # runs of an experiment or of a sweep: what they have, the page shows
SEED, SWEEP_TAG, GROUP_TAG = "seed", "sweep.id", "rnnx.seedless_hash"
FINAL_LOSS = "final/train_loss"
# The first parts of the names of metrics that are not a probe's.
OWN = (
    *("train", "val", "best", "final", "grad", "lr", "samples", "speed", "checkpoint", "system"),
    *("level", "criterion", "by_length", "by_age"),
)
MAX_CHARTS = 24  # of one section


class Shown(NamedTuple):
    """What the runs of a view have."""

    metrics: frozenset[str]
    images: Mapping[str, int]  # name → its last step
    folders: Sequence[RunFolder]  # that are here
    monitor: str = ""  # what they monitored, where that is one metric other than the loss
    is_higher_better: bool = False  # whether more of it is better
    totals: frozenset[str] = frozenset()  # metrics of probes that have one value a run
    units: Sequence[str] = ()  # of their losses, where these are several


def shown(runs: Iterable[tuple[Iterable[str], RunFolder | None]]) -> Shown:
    """What runs have, each given by the names of its metrics and its folder."""
    metrics: set[str] = set()
    totals: set[str] = set()
    images: dict[str, int] = {}
    runs = list(runs)
    for own, folder in runs:
        new, metrics = set(own) - metrics, metrics | set(own)
        if folder is not None:
            for name, step in _images(folder):
                images[name] = max(step, images.get(name, 0))
            totals |= _totals(folder, {key for key in new if not _is_own(key)})
    folders = [folder for _, folder in runs if folder is not None]
    fields = [folder.read() for folder in folders]
    monitors = {str(one.get("monitor", "")) for one in fields}
    monitor = monitors.pop() if len(monitors) == 1 else ""
    name = monitor.removeprefix("val/")
    higher = any(name in one.get("higher_is_better", ()) for one in fields)
    units = sorted({str(one.get("loss_unit", "nats")) for one in fields})
    several = units if len(units) > 1 else ()
    return Shown(frozenset(metrics), images, folders, monitor, higher, frozenset(totals), several)


def _is_own(key: str) -> bool:
    return key.partition("/")[0] in OWN


def _totals(folder: RunFolder, keys: set[str]) -> set[str]:
    """Which of these metrics were logged once, when the run had ended: at step 0."""
    history = read_history(folder.metrics) if keys else {}
    return {key for key in keys & history.keys() if all(p.step == 0 for p in history[key])}


def shown_of_folders(folders: Iterable[RunFolder]) -> Shown:
    """What the runs of these folders have by now."""
    return shown((_metrics(folder), folder) for folder in folders)


def _metrics(folder: RunFolder) -> Iterable[str]:
    """The metrics of a run; run.json has them once it has ended."""
    return folder.summary().metrics or read_history(folder.metrics)


def _images(folder: RunFolder) -> Iterator[tuple[str, int]]:
    for path in folder.path.glob("images/*/step_*.png"):
        step = path.stem.removeprefix("step_")
        if step.isdecimal():
            yield path.parent.name, int(step)


def shown_of_entries(entries: Iterable[RunSummary], outputs: Path) -> Shown:
    """What runs have that the tracker lists."""
    return shown((entry.metrics, _folder(entry, outputs)) for entry in entries)


def _folder(entry: RunSummary, outputs: Path) -> RunFolder | None:
    with suppress(RunNotFound):  # it is not below outputs
        return folder_here(entry, outputs) if entry.folder else None
    return None


def view_of_experiment(found: Shown) -> View:
    """The newest runs, a line and a bar each."""
    return View(
        "runs",
        "rnnx: newest runs",
        _sections(found, [_bars(found)]),
        settings=[Setting(key) for key in ("cell.name", SEED)],
        metrics=_columns(found),
        aside=sorted(found.metrics),
    )


def view_of_run(run_id: str, found: Shown) -> View:
    """One run; ``run_id`` is the tracker's. Metrics of one beginning, a probe's, share a chart."""
    return View(
        f"run {run_id}",
        "",
        _sections(found, [], per_probe=True),
        runs=[run_id],
        metrics=_columns(found),
        aside=sorted(found.metrics),
    )


def view_of_sweep(sweep: Sweep) -> View:
    """The jobs of a sweep, the best first, with the swept keys."""
    jobs = [sweep.swept(result.overrides) for result in sweep.results()]
    swept = [str(key) for key in sweep.read().get("swept", [])]
    return _view_of_sweep(sweep.id, swept, jobs, shown_of_folders(folders_of(sweep)))


def folders_of(sweep: Sweep) -> list[RunFolder]:
    """Folders of runs of a sweep: of jobs that have ended, else of those that run."""
    outputs = sweep.path.parent.parent
    ended = (outputs / name_of(result.run_id) for result in sweep.results() if result.run_id)
    found = [RunFolder(path) for path in ended if (path / "run.json").is_file()]
    return (found or runs_with(outputs, sweep=sweep.id))[:LOOKED_AT]


def view_of_stored_sweep(entries: Sequence[RunSummary], outputs: Path) -> View:
    """As :func:`view_of_sweep`, of jobs that the tracker lists."""
    jobs = [_swept_values(entry) for entry in entries]
    found = shown_of_entries(entries[:LOOKED_AT], outputs)
    return _view_of_sweep(entries[0].tags[SWEEP_TAG], list(jobs[0]), jobs, found)


def _swept_values(entry: RunSummary) -> dict[str, str]:
    """The swept values of a job, which are tags of its run."""
    tags = {key: value for key, value in entry.tags.items() if key != SWEEP_TAG}
    return {k.removeprefix("sweep."): v for k, v in tags.items() if k.startswith("sweep.")}


def _view_of_sweep(
    sweep: str, swept: Sequence[str], jobs: Sequence[Mapping[str, str]], found: Shown
) -> View:
    keys = [key for key in swept if key != SEED]
    params = _params(found.folders) if keys else {}
    settings = [_setting(key, params) for key in keys]
    groups: list[Setting] = []
    if SEED in swept:
        groups = settings or [Setting(GROUP_TAG, is_tag=True)]
    numbers = [key for key in keys if all(_is_number(job.get(key)) for job in jobs)]
    best = [_bars(found), *_against_swept(settings, numbers, found, bool(groups))]
    return View(
        f"sweep {sweep}",
        f"rnnx: sweep {sweep}: {', '.join(swept)}",
        _sections(found, best),
        tags={SWEEP_TAG: sweep},
        settings=[*settings, *[Setting(SEED)] * (SEED in swept)],
        metrics=_columns(found),
        groups=groups,
        best_first=_goal(found),
        aside=sorted(found.metrics),
        highest_first=found.is_higher_better and _goal(found) not in (BEST_LOSS, FINAL_LOSS),
    )


def _params(folders: Iterable[RunFolder]) -> Mapping[str, str]:
    """The parameters of the first run whose configuration can be read; empty where there is none.

    No other page needs them, and to parse a configuration takes longer than all else here.
    """
    for folder in folders:
        with suppress(RnnxError):  # config.yaml is damaged
            return flat_params(stored_config(folder))
    return {}


def _setting(key: str, params: Mapping[str, str]) -> Setting:
    """A swept key as the store has it: a parameter if there is one, else the tag of the sweep."""
    for param in (key, f"{key}.name"):  # the key of a component is its choice
        if param in params:
            return Setting(param)
    return Setting(f"sweep.{key}", is_tag=True)


def _goal(found: Shown) -> str:
    monitored = f"best/{found.monitor.replace('/', '_')}"
    if found.monitor and monitored in found.metrics:
        return monitored
    return BEST_LOSS if BEST_LOSS in found.metrics else FINAL_LOSS


def _bars(found: Shown) -> BarChart:
    goal = _goal(found)
    titles = {BEST_LOSS: "Best held-out loss", FINAL_LOSS: "Training loss"}
    units = f", not comparable between units: {', '.join(found.units)}" if found.units else ""
    title = f"{titles[goal]}{units}" if goal in titles else f"Best {found.monitor}"
    return BarChart(title, goal)


def _against_swept(
    settings: Sequence[Setting], numbers: Sequence[str], found: Shown, is_grouped: bool
) -> Iterator[Chart]:
    """The loss against each swept number, and against all keys at once where no runs are grouped"""
    title, goal = _bars(found)
    params = [setting.key for setting in settings if not setting.is_tag]
    for key in params:
        if key in numbers:
            yield ScatterChart(f"{title} by {key}", key, goal)
    if len(params) > 1 and not is_grouped:
        yield ParallelChart(f"{title} by all swept keys", params, goal)


def _is_number(text: str | None) -> bool:
    try:
        float(text or "")
    except ValueError:
        return False
    return True


def _columns(found: Shown) -> list[str]:
    wanted = (BEST_LOSS, "best/step", FINAL_LOSS, "final/seconds")
    return [key for key in wanted if key in found.metrics]


def _sections(found: Shown, best: Sequence[Chart], per_probe: bool = False) -> list[Section]:
    """The sections that have charts; ``best`` are those of the losses that count."""
    lines = _lines(found, per_probe)
    images = [ImageChart(name, step) for name, step in sorted(found.images.items())]
    totals = [BarChart(key, key) for key in sorted(found.totals)]
    sections = [
        Section("Loss by step", lines["loss"]),
        Section("Loss at the end", [chart for chart in best if _goal(found) in found.metrics]),
        Section("Metrics of the held-out data", lines["held out"]),
        Section("By length and by age", lines["by place"][:MAX_CHARTS]),
        Section("Gradient and learning rate", lines["update"]),
        Section("Samples", lines["samples"]),
        Section("Probes", lines["probes"][:MAX_CHARTS]),
        Section("Probes at the end", totals[:MAX_CHARTS]),
        Section("Images", images[:MAX_CHARTS]),
    ]
    return [section for section in sections if section.charts]


def _lines(found: Shown, per_probe: bool) -> dict[str, list[Chart]]:
    """The line charts of each section, of metrics that there are."""
    told = ("val/loss", "val/bits_per_char")  # the loss has charts of its own
    held_out = sorted(key for key in found.metrics if key.startswith("val/") and key not in told)
    placed = sorted(key for key in found.metrics if key.startswith(("by_length/", "by_age/")))
    wanted = {
        "held out": [
            LineChart(key.removeprefix("val/"), _with_levels(key, found)) for key in held_out
        ],
        "by place": [LineChart(key.replace("/", ": ").replace("_", " "), [key]) for key in placed],
        "loss": [
            LineChart("Training and held-out loss", ["train/smooth_loss", "val/loss"], is_log=True),
            LineChart("Held-out loss", _with_levels("val/loss", found), is_log=True),
            LineChart("Training loss", ["train/loss"], is_log=True),
        ],
        "update": [
            LineChart("Norm of the gradient", ["grad/norm"], is_log=True),
            LineChart("Fraction of steps that were clipped", ["grad/clipped"]),
            # A linear axis around one small rate goes from -1 to 1: the rate looks like 0.
            LineChart("Learning rate", ["lr"], is_log=True),
        ],
        "samples": [
            LineChart("Fraction of samples that are new", ["samples/new"]),
            LineChart("Fraction of samples that are distinct", ["samples/distinct"]),
        ],
        "probes": _probe_charts(found, per_probe),
    }
    return {name: list(_with_data(charts, found)) for name, charts in wanted.items()}


def _with_levels(key: str, found: Shown) -> list[str]:
    """A metric of the held-out part, and the levels that the data has for it."""
    level = f"level/{key.removeprefix('val/')}_"
    return [key, *sorted(other for other in found.metrics if other.startswith(level))]


def _probe_charts(found: Shown, per_probe: bool) -> Iterator[LineChart]:
    """The charts of probes: one a metric, of a distribution one with some of its quantiles.

    ``per_probe``: all metrics that share what is before their last / are in one.
    """
    of_chart: dict[str, list[str]] = {}
    for key in sorted(key for key in found.metrics - found.totals if not _is_own(key)):
        quantile = quantile_of(key)
        title = quantile[0] if quantile else key.rpartition("/")[0] if per_probe else key
        of_chart.setdefault(title or key, []).append(key)
    for title, keys in of_chart.items():
        is_long = not per_probe and len(keys) > 3
        yield LineChart(title, [keys[0], keys[len(keys) // 2], keys[-1]] if is_long else keys)


def _with_data(charts: Iterable[LineChart], found: Shown) -> Iterator[Chart]:
    for chart in charts:
        if metrics := [key for key in chart.metrics if key in found.metrics]:
            yield chart._replace(metrics=metrics)
