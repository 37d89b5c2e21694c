"""``rnnx report``: one page with everything about runs, which opens from disk without a network.

It is the page of the comparison with more sections: how to repeat it, where it was computed, all
settings, distributions by step and the last images of probes.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rnnx.comparison.compare import Comparison, compare
from rnnx.comparison.figures import draw_figures
from rnnx.comparison.page import render
from rnnx.comparison.provenance import Provenance, command_of_sweep, provenance, sweep_of
from rnnx.errors import StoreError
from rnnx.runs.folder import RunFolder
from rnnx.runs.loss_curve import curve_png
from rnnx.runs.metrics_file import read_history
from rnnx.system.files import read_regular, replacing

TEMPLATE = "report.html.jinja"
MOST_RUNS = 200  # whose settings are told
PNG = b"\x89PNG\r\n\x1a\n"
MOST_IMAGES, LARGEST_IMAGE = 24, 2**21  # of a report's probes; in bytes


class _Picture(NamedTuple):
    caption: str
    base64: str  # of the PNG


class _Facts(NamedTuple):
    """A table of facts that some runs share."""

    of: str  # the runs; empty where all share them
    rows: Sequence[tuple[str, str]]


class _Differences(NamedTuple):
    """The settings in which runs differ: a row a run, a column a key."""

    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]


def write_report(names: Sequence[str], page: Path) -> None:
    """Write the report on the runs and sweeps that ``names`` mean; StoreError where it cannot."""
    write_text(report(compare(names)), page)


def write_text(text: str, page: Path) -> None:
    """Write a page where the user said; StoreError where it cannot be written."""
    try:
        with replacing(page) as temporary:
            temporary.write_text(text, "utf-8")
    except OSError as error:
        raise StoreError(
            f"{page}: cannot be written ({error.strerror}); name another file with --output"
        ) from None


def report(comparison: Comparison) -> str:
    """The page."""
    folders = [run.folder for run in comparison.runs if run.folder is not None]
    names = {run.folder.id: run.name for run in comparison.runs if run.folder is not None}
    made = {folder.id: provenance(folder) for folder in folders[:MOST_RUNS]}
    several = len(comparison.runs) > 1
    if not several:
        (run,) = comparison.runs
        comparison = comparison._replace(title=f"run {run.run_id[:8]}: {run.name}")
    more = {
        "commands": _commands(folders, made),
        "data": _shared({i: one.data for i, one in made.items()}, names),
        "environments": _shared({i: one.environment for i, one in made.items()}, names),
        "settings": _common(made),
        "differences": _differences(made, names),
        "pictures": _pictures(folders[0]) if folders else [],
        "best": f"The best run: {names[folders[0].id]}" if several and folders else "The run",
    }
    figures = draw_figures(comparison) if several else {}  # one run has its own curves
    return render(comparison, figures, name=TEMPLATE, more=more)


def _commands(folders: Sequence[RunFolder], made: Mapping[str, Provenance]) -> list[str]:
    """Those of the sweeps, else those of the runs; each once."""
    commands = []
    for folder in folders:
        of = sweep_of(folder)
        if of is not None and len(folders) > 1:
            commands.append(command_of_sweep(of))
        elif folder.id in made:
            commands.append(made[folder.id].command)
    return list(dict.fromkeys(commands))


def _shared(parts: Mapping[str, Mapping[str, str]], names: Mapping[str, str]) -> list[_Facts]:
    """The facts of runs, once for all runs that share them; ``parts`` are by run."""
    runs: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for run_id, facts in parts.items():
        runs.setdefault(tuple(facts.items()), []).append(names[run_id])
    several = len(runs) > 1
    return [_Facts(", ".join(of) if several else "", facts) for facts, of in runs.items() if facts]


def _differing(made: Mapping[str, Provenance]) -> list[str]:
    """The keys whose settings are not the same in all runs."""
    keys = dict.fromkeys(key for one in made.values() for key in one.settings)
    return [key for key in keys if len({one.settings.get(key) for one in made.values()}) > 1]


def _common(made: Mapping[str, Provenance]) -> list[tuple[str, str]]:
    """The settings that all runs share."""
    first: Mapping[str, str] = next((one.settings for one in made.values()), {})
    differing = _differing(made)
    return [(key, value) for key, value in first.items() if key not in differing]


def _differences(made: Mapping[str, Provenance], names: Mapping[str, str]) -> _Differences:
    keys = _differing(made)
    rows = [(names[i], [one.settings.get(key, "—") for key in keys]) for i, one in made.items()]
    return _Differences(keys, rows if keys else [])


def _pictures(folder: RunFolder) -> list[_Picture]:
    """The curves of a run, and the last image of each of its probes."""
    curve = curve_png(read_history(folder.metrics))
    found = {} if curve is None else {"Loss and gradient norm by step": curve}
    for path in sorted(folder.path.glob("images/*"))[:MOST_IMAGES]:
        last = max(path.glob("step_*.png"), default=None)
        if last is not None and (png := _own_image(folder, last)):
            step = last.stem.removeprefix("step_").lstrip("0")
            found[f"{path.name}, step {step}"] = png
    return [_Picture(what, base64.b64encode(png).decode()) for what, png in found.items()]


def _own_image(folder: RunFolder, path: Path) -> bytes:
    """A PNG of the run's; empty for anything else.

    A folder may come from anybody, and a report goes to others: a link in it must not take a file
    of the user's along.
    """
    try:
        is_inside = path.resolve().is_relative_to(folder.path.resolve())
        content = read_regular(path, LARGEST_IMAGE) if is_inside else b""
    except OSError:
        return b""
    return content if content.startswith(PNG) else b""
