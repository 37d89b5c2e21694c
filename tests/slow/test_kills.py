"""`kill -9` at random instants, then `rnnx resume`: nothing can be told from a run never killed.

RNNX_KILLS is how many kills there are at least over all configurations (make torture: 200),
RNNX_KILL_SEED decides when they come.
"""

import math
import os
import random
import subprocess
import time
from pathlib import Path

import pytest
from configurations import covering_configurations
from processes import DENSE, kill_after, read_until, run_rnnx, start_rnnx, store
from run_equality import assert_mlflow_holds, assert_same_run

import rnnx
from rnnx.runs.folder import RunFolder, runs_in

pytestmark = pytest.mark.slow

CONFIGURATIONS = 24  # of configurations.covering_configurations
KILLS = math.ceil(int(os.environ.get("RNNX_KILLS", "21")) / CONFIGURATIONS)
SEED = os.environ.get("RNNX_KILL_SEED", "0")


@pytest.mark.parametrize("place", range(CONFIGURATIONS))
def test_killed_at_any_instant(place: int, tmp_path: Path) -> None:
    some = covering_configurations(tmp_path)
    assert len(some) == CONFIGURATIONS
    # Every other one with MLflow and in float64, so that each is met with and without the other.
    tracker = "mlflow" if place % 2 else "none"
    dtype = "float64" if place % 4 in (1, 2) else "float32"
    overrides = [*some[place], *DENSE, f"tracker={tracker}", f"dtype={dtype}", "resume=auto"]
    began = time.monotonic()
    whole = rnnx.train(overrides).folder
    killer = Killer(overrides, time.monotonic() - began, f"{SEED}/{place}")
    ids = {whole.id}
    while killer.kills < KILLS:
        killer.train_and_kill()
        (found,) = [folder for folder in runs_in(Path("outputs")) if folder.id not in ids]
        ids.add(found.id)
        compare(found, whole, tracker, ids)
    print(f"{overrides[6:8]}: {killer.kills} kills, {killer.where}")


def compare(found: RunFolder, whole: RunFolder, tracker: str, ids: set[str]) -> None:
    assert_same_run(found, whole)
    if tracker == "mlflow":
        from mlflow import MlflowClient

        client = MlflowClient(store())
        assert_mlflow_holds(found, client)
        experiment = client.get_experiment_by_name("rnnx").experiment_id
        assert {run.info.run_id for run in client.search_runs([experiment])} == ids


class Killer:
    """Trains in processes that it kills, the first of them in any case."""

    def __init__(self, overrides: list[str], seconds: float, seed: str) -> None:
        self.overrides, self.seconds = overrides, seconds
        self.random = random.Random(seed)
        self.kills, self.finished = 0, self._runs()
        self.where: list[str] = []

    def train_and_kill(self) -> None:
        """One run, killed and resumed until it is finished."""
        process = start_rnnx("train", *self.overrides)
        while self._kill(process):
            self.kills += 1
            if self._runs() > self.finished and not self._begun():
                break  # it had done all and was about to exit
            if self.kills >= KILLS:
                run_rnnx(*(("resume", "last") if self._begun() else ("train", *self.overrides)))
                break
            process = self._go_on()
        self.finished = self._runs()

    def _kill(self, process: subprocess.Popen[str]) -> bool:
        if self.random.random() < 0.2:  # in the start: imports, the store, the folder
            self.where.append("start")
            return kill_after(process, self.random.uniform(0.3, 3))
        if not read_until(process, "run "):
            raise AssertionError(process.communicate())
        self.where.append("run")
        return kill_after(process, self.random.uniform(0, 0.8 * self.seconds))

    def _go_on(self) -> subprocess.Popen[str]:
        """As a person would, or as a scheduler."""
        if self._begun() and self.random.random() < 0.6:
            return start_rnnx("resume", "last")
        return start_rnnx("train", *self.overrides)

    def _runs(self) -> int:
        return len(runs_in(Path("outputs")))

    def _begun(self) -> bool:
        """Whether the last run is one to go on with: a kill can come before there is any."""
        return runs_in(Path("outputs"))[0].read().get("status") != "FINISHED"
