"""Tasks without end: the same in every run, resumed where they stood, and of no growing memory."""

import gc
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from killed_at import KilledAt
from run_equality import assert_same_run

from rnnx.config.compose import compose
from rnnx.data.batches import TrainBatches
from rnnx.data.digest import split_sha256
from rnnx.data.sequences import Endless
from rnnx.registry.manager import registry
from rnnx.runs.folder import RunFolder
from rnnx.training.report import Silent
from rnnx.training.resume import resume
from rnnx.training.run import train
from rnnx.training.session import Session
from rnnx_tasks.digits import Digits

TASKS = {
    one.name: one.component
    for one in registry()
    if one.kind == "dataset" and one.module.startswith("rnnx_tasks.")
}
BATCHES = 12  # of which memory is measured: tracing makes each of them ten times as slow
ENDLESS = sorted(set(TASKS) - {"digits"})

SMALL = [
    "layers=1",
    "cell.hidden_size=5",
    "batch_size=6",
    "samples=2",
    "baseline=never",
    "tracker=none",
    "backend=numpy",
    "dataset.held_out=12",
]
CHOSEN = {
    "adding": ["head=gaussian", "dataset.lengths.longest=12", "monitor=val/mse"],
    "flip_flop": ["dataset.lengths.longest=12", "dataset.lengths.shortest=4", "dropout=0.25"],
}


def test_there_are_24_tasks() -> None:
    assert len(TASKS) == 24 and TASKS["digits"] is Digits


@pytest.mark.parametrize("task", CHOSEN)
def test_a_killed_run_goes_on_bit_for_bit(task: str, tmp_path: Path) -> None:
    rounds = ["steps=8", "eval_every=2", "checkpoint.every=3", "log_every=2"]
    command = [*SMALL, f"dataset={task}", *CHOSEN[task], *rounds, f"outputs={tmp_path}"]
    killed = KilledAt(6)
    killed.left = tmp_path / "left"
    whole = train(compose(command), killed)
    assert_same_run(resume(RunFolder(killed.left), Silent()).folder, whole.folder)


def test_what_is_held_out_is_the_same_in_every_run() -> None:
    command = [*SMALL, "dataset=parity"]
    sessions = [Session(compose([*command, f"seed={seed}"])) for seed in (0, 1)]
    assert len({split_sha256(one.corpus) for one in sessions}) == 1
    first, second = (one.batches.next() for one in sessions)
    assert first.x.shape != second.x.shape or (first.x != second.x).any()
    other = Session(compose([*command, "dataset.split_seed=1"])).corpus
    assert split_sha256(other) != split_sha256(sessions[0].corpus)
    assert other.sha256 == sessions[0].corpus.sha256


@pytest.mark.parametrize("task", ENDLESS)
def test_drawing_takes_no_memory_that_grows(task: str) -> None:
    corpus = TASKS[task](held_out=2).load(0)
    assert isinstance(corpus.train, Endless)
    batches = TrainBatches(corpus.train, 4, np.random.default_rng(0))
    for _ in range(10):
        batches.next()
    gc.freeze()  # a collection then goes through what is made from here on
    tracemalloc.start()
    try:
        batches.next()  # the last one is held until the next
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(BATCHES):
            batches.next()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < BATCHES * 1000  # less than a kilobyte a batch, which has several
