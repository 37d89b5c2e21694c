"""Other processes name and delete the folders of runs while we list them."""

import io
import itertools
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rnnx.contracts.trackers import RunSummary
from rnnx.runs.find import list_runs
from rnnx.runs.folder import RunFolder, runs_in


class Interference:
    """Changes a folder right before the ``at``th time that a file in it is opened or asked for."""

    def __init__(self, folder: Path, at: int, change: Callable[[Path], object]) -> None:
        self.folder, self.left, self.change = folder, at, change

    def install(self, patch: pytest.MonkeyPatch) -> None:
        for module, name in ((os, "stat"), (os, "open"), (io, "open")):
            patch.setattr(module, name, self._after_a_change(getattr(module, name)))

    @property
    def happened(self) -> bool:
        return self.left <= 0

    def _after_a_change(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(path: Any, *arguments: Any, **options: Any) -> Any:
            if str(path).startswith(str(self.folder)):
                self.left -= 1
                if self.left == 0:
                    self.change(self.folder)
            return real(path, *arguments, **options)

        return wrapped


def rename(folder: Path) -> None:
    folder.rename(folder.with_name("named"))


def summaries(outputs: Path) -> list[RunSummary]:
    return list_runs([f"outputs={outputs}", "tracker=none"], 9)


@pytest.mark.parametrize(("going", "staying"), [("one", "two"), ("two", "one")])
@pytest.mark.parametrize("look", [runs_in, summaries])
@pytest.mark.parametrize("change", [shutil.rmtree, rename])
@pytest.mark.parametrize("fields", [{"started": 1.0}, {}], ids=["whole", "without a time"])
def test_folders_that_come_and_go_are_no_trouble(
    fields: dict[str, float],
    change: Callable[[Path], object],
    look: Callable[[Path], list[Any]],
    going: str,
    staying: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At whichever moment a folder goes: each of its files' uses in turn, until there are none."""
    for at in itertools.count(1):
        outputs = tmp_path / f"outputs{at}"
        for name in ("one", "two"):
            path = outputs / name
            path.mkdir(parents=True)
            RunFolder(path).write(fields)
        other = Interference(outputs / going, at, change)
        with monkeypatch.context() as patch:
            other.install(patch)
            found = {run.id for run in look(outputs)}
        assert staying in found
        if not other.happened:
            assert found == {"one", "two"}
            assert at > 1  # there was a moment between listing and reading
            break
