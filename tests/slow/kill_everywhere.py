"""Trains in forks of this process, each killed at another point, and goes on with what is left.

    python tests/slow/kill_everywhere.py [--job] [--every N] [--first N] OVERRIDE …

Each fork works in a folder of its own. What it left is resumed in another fork, which compares the
run with one that was never killed: bits, points, samples, images, and all of them in MLflow.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

from kill_points import Points, forked
from run_equality import assert_mlflow_holds, assert_same_run

import rnnx
from rnnx.config.compose import compose
from rnnx.registry.manager import registry
from rnnx.runs.folder import RunFolder, runs_in
from rnnx.runs.leftovers import remove_leftovers
from rnnx.runs.sweep_folder import Sweep
from rnnx.sweeps.job import run_job
from rnnx.sweeps.orphans import end_abandoned
from rnnx.sweeps.warmup import warm_up, write_configs
from rnnx.training.report import Silent
from rnnx.training.resume import resume
from rnnx.training.run import train

STORE, OUTPUTS = "mlflow.db", "outputs"


def client() -> Any:
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{Path.cwd() / STORE}")


class Everywhere:
    """One configuration, killed below ``root`` at each of its points in turn."""

    def __init__(self, overrides: list[str], is_job: bool, root: Path) -> None:
        self.config, self.overrides = compose(overrides), overrides
        self.is_job, self.root, self.log = is_job, root, root / "log"
        self.has_store = self.config["tracker"]["name"] != "none"

    def prepare(self) -> list[str]:
        """Train the run that is never killed; the names of its points."""
        if self.has_store:
            self._in_fork(self.root, self._create_store)
        self._in_fork(self._folder("whole"), self._count)
        return list(json.loads((self.root / "points.json").read_text()))

    def kill(self, at: int) -> tuple[bool, str]:
        """Whether the run was killed at this point, and what is wrong after it was resumed."""
        folder = self._folder(str(at))
        code = forked(lambda: self._killed(folder, at), self.log)
        assert code in (0, -signal.SIGKILL), self.log.read_text()
        wrong = ""
        if forked(lambda: self._resumed(folder), folder / "log"):
            wrong = (folder / "log").read_text()
        else:
            shutil.rmtree(folder)
        return code != 0, wrong

    def _folder(self, name: str) -> Path:
        """A folder to work in, with an empty store: to create one takes seconds."""
        folder = self.root / name
        folder.mkdir()
        if self.has_store:
            shutil.copy(self.root / STORE, folder)
        return folder

    def _in_fork(self, folder: Path, work: Any) -> None:
        def there() -> int:
            os.chdir(folder)
            work()
            return 0

        assert forked(there, self.log) == 0, self.log.read_text()

    def _create_store(self) -> None:
        client().search_experiments()

    def _count(self) -> None:
        points = Points()
        points.arm()
        self._train()
        names = list(points.names)
        (self.root / "points.json").write_text(json.dumps(names))

    def _killed(self, folder: Path, at: int) -> int:
        os.chdir(folder)
        points = Points(at)
        points.arm()
        self._train()
        return 0

    def _train(self) -> None:
        if self.is_job:
            self._run_job()
        else:
            train(self.config, Silent(), self.overrides)

    def _run_job(self) -> None:
        """A job as its driver runs it, for the first time or after an earlier driver's end."""
        sweep = Sweep(Path(OUTPUTS) / "sweeps" / "one")
        (sweep.path / "jobs").mkdir(parents=True, exist_ok=True)
        sweep.write({"parent": "0" * 32, "swept": ["seed"], "overrides": self.overrides})
        end_abandoned(sweep, OUTPUTS)
        remove_leftovers(OUTPUTS, sweep.id)  # as the driver's catch_up does
        assert run_job(self.config, [*self.overrides, "seed=0"], 0, sweep) == 0
        result = sweep.result(0)
        assert result is not None and result.status in ("FINISHED", "SKIPPED")

    def _resumed(self, folder: Path) -> int:
        os.chdir(folder)
        runs = runs_in(OUTPUTS)
        if self.is_job:
            self._run_job()
        elif not runs:
            self._train()
        elif runs[0].read()["status"] != "FINISHED":
            assert resume(runs[0], Silent()).exit_code == 0
        self._compare()
        return 0

    def _compare(self) -> None:
        (found,), (whole,) = runs_in(OUTPUTS), runs_in(self.root / "whole" / OUTPUTS)
        assert_same_run(found, whole)
        assert (left := leftovers(found)) == [], left
        if self.has_store:
            store = client()
            assert_mlflow_holds(found, store)
            experiments = [one.experiment_id for one in store.search_experiments()]
            assert [run.info.run_id for run in store.search_runs(experiments)] == [found.id]


def leftovers(found: RunFolder) -> list[str]:
    """What a killed process left half done below the working folder."""
    beside = [path for path in found.path.parent.iterdir() if path.name.startswith(".")]
    hidden = [path for path in found.path.rglob(".*") if path.name not in (".lock", ".owner")]
    sent = [path for path in Path("mlruns").rglob("*") if path.name.startswith(".")]
    return sorted(map(str, [*beside, *hidden, *sent]))


def warm(overrides: list[str], folder: Path) -> None:
    """Import and compile whatever a run needs, and train one here: forks inherit all of it."""
    import mlflow.store.tracking.sqlalchemy_workspace_store  # noqa: F401

    write_configs([compose(overrides)], folder)
    warm_up(folder)
    (folder / "warm").mkdir()
    os.chdir(folder / "warm")
    rnnx.train([*overrides, "tracker=none"])
    os.chdir(folder)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--job", action="store_true")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--first", type=int, default=1)
    given = parser.parse_args()
    registry()
    root = Path.cwd()
    warm(given.overrides, root)
    everywhere = Everywhere(given.overrides, given.job, root)
    names, at, kills, failed = everywhere.prepare(), given.first, 0, 0
    while True:
        was_killed, wrong = everywhere.kill(at)
        if wrong:
            failed += 1
            name = names[at - 1] if at <= len(names) else "behind the last of the others"
            print(f"point {at}, {name}:\n{wrong}", flush=True)
        if not was_killed:
            break
        at, kills = at + given.every, kills + 1
    print(f"{kills} kills at {len(names)} points, {failed} failed")
    raise SystemExit(failed > 0)


if __name__ == "__main__":
    main()
