"""The run folders that a word on a command line means."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from rnnx.errors import RunNotFound
from rnnx.runs.folder import RunFolder, run_files, started_at
from rnnx.runs.known_runs import known_runs
from rnnx.system.files import expanded


def find_folders(run: str, outputs: Path) -> list[RunFolder]:
    """The folders that ``run`` means: `last`, a folder, an id or the beginning of one."""
    if not run.strip():
        raise RunNotFound("'': names no run or sweep; `rnnx runs` lists what there is")
    path = expanded(run)
    if os.path.isfile(path / "run.json"):  # False for what is no path at all
        return [RunFolder(path.resolve())]
    if run == "last":
        newest = newest_run(outputs)
        if newest is None:
            raise RunNotFound(f"last: there is no run in {outputs}/ yet; begin with: rnnx train")
        return [newest]
    names = (os.path.basename(os.path.dirname(name)) for name in run_files(outputs))
    begins = _newest_first(expanded(outputs) / name for name in names if name.startswith(run))
    exact = [folder for folder in begins if folder.id == run]
    return exact or begins or _with_entry(run, outputs)


def newest_run(outputs: Path) -> RunFolder | None:
    """The run below ``outputs`` that began last; None where there is none."""
    return next((run.folder for run in known_runs(outputs)), None)


def _newest_first(paths: Iterable[Path]) -> list[RunFolder]:
    found = []
    for folder in map(RunFolder, paths):
        with suppress(FileNotFoundError):
            if (folder.path / "run.json").exists():
                found.append((started_at(folder, folder.read()), folder))
    return [folder for _, folder in sorted(found, key=lambda run: run[0], reverse=True)]


def _with_entry(beginning: str, outputs: Path) -> list[RunFolder]:
    """The runs that have an entry in a store whose id begins so."""
    return [
        run.folder
        for run in known_runs(outputs)
        if any(entry.startswith(beginning) for entry in run.entries)
    ]
