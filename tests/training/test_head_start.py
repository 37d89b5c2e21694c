"""The first step is made while the tracker's store opens; a run logs the same all the same."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from run_equality import assert_same_run
from tiny import tiny

import rnnx
from rnnx.errors import Diverged, StoreError
from rnnx.runs.folder import runs_in
from rnnx.runs.metrics_file import read_history
from rnnx.training import head_start
from rnnx.training.head_start import FirstStep
from rnnx.training.report import Silent
from rnnx.training.resume import resume
from rnnx.training.session import Session
from rnnx_builtin.trackers.none import NoLog, Nothing

PATIENCE = 60  # seconds: more than any step takes


@pytest.fixture
def opening(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Let a tracker's store do something while it opens, before it gives its run."""

    def does(something: Callable[[], object]) -> None:
        def start(self: Nothing, *about: Any) -> NoLog:
            something()
            return NoLog("a" * 32)

        monkeypatch.setattr(Nothing, "start", start)

    return does


@pytest.fixture
def stepped(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set once a step has been made, or has failed."""
    made, update = threading.Event(), Session.update

    def updated(self: Session) -> float:
        try:
            return update(self)
        finally:
            made.set()

    monkeypatch.setattr(Session, "update", updated)
    return made


def test_the_first_step_waits_for_no_store(
    names: Path, opening: Callable[..., None], stepped: threading.Event
) -> None:
    came: list[bool] = []
    opened: list[float] = []

    def wait_for_the_step() -> None:
        came.append(stepped.wait(PATIENCE))
        opened.append(time.time())

    opening(wait_for_the_step)
    run = rnnx.train(tiny(names))
    assert came == [True]
    first, second, *_ = read_history(run.folder.metrics)["train/loss"]
    assert (first.step, second.step) == (1, 2)
    assert first.timestamp <= opened[0] * 1000 + 1 <= second.timestamp + 1
    assert run.folder.id == "a" * 32


@pytest.mark.parametrize(("backend", "order"), [("auto", "update load"), ("fast", "load update")])
def test_kernels_are_loaded_where_the_next_step_is_compiled(
    backend: str, order: str, names: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numba")
    made: list[str] = []
    for name in ("load", "update"):
        monkeypatch.setattr(Session, name, lambda self, name=name: made.append(name))
    session = rnnx.build(tiny(names, f"backend={backend}"))
    assert FirstStep.of(session).error is None
    assert made == order.split()


def test_a_store_that_fails_leaves_nothing(
    names: Path, opening: Callable[..., None], stepped: threading.Event
) -> None:
    def fail() -> None:
        assert stepped.wait(PATIENCE)
        raise StoreError("no store")

    opening(fail)
    with pytest.raises(StoreError, match="no store"):
        rnnx.train(tiny(names))
    assert not list(Path("outputs").glob("*/run.json"))
    assert not list(Path("outputs").glob(".new-*"))


def test_a_first_step_that_fails_is_a_run_that_failed(
    names: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(self: Session) -> float:
        raise Diverged("step 1: the loss is nan")

    monkeypatch.setattr(Session, "update", diverge)
    with pytest.raises(Diverged, match="step 1"):
        rnnx.train(tiny(names))
    [folder] = runs_in("outputs")
    assert folder.read()["status"] == "FAILED"
    assert "step 1" in folder.read()["reason"]


def test_a_run_that_is_stopped_while_the_store_opens_has_its_first_step(
    names: Path, opening: Callable[..., None], stepped: threading.Event
) -> None:
    whole = rnnx.train(tiny(names))
    stepped.clear()

    def stop() -> None:
        assert stepped.wait(PATIENCE)
        os.kill(os.getpid(), signal.SIGINT)

    opening(stop)
    stopped = rnnx.train(tiny(names))
    assert (stopped.status, stopped.exit_code) == ("KILLED", 130)
    assert [p.step for p in read_history(stopped.folder.metrics)["train/loss"]] == [1]
    resumed = resume(stopped.folder, Silent())
    assert_same_run(resumed.folder, whole.folder)


def test_what_the_end_draws_with_is_loaded_while_training_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded = threading.Event()
    monkeypatch.setattr(head_start, "load_drawing", loaded.set)
    with head_start.drawing_is_loaded(after=0):
        assert loaded.wait(PATIENCE)
    loaded.clear()
    with head_start.drawing_is_loaded(after=0, load=loaded.set):  # as a sweep's driver
        assert loaded.wait(PATIENCE)
    loaded.clear()
    with head_start.drawing_is_loaded(after=PATIENCE):
        (timer,) = (
            one
            for one in threading.enumerate()
            if isinstance(one, threading.Timer) and one.interval == PATIENCE
        )
    timer.join(PATIENCE)  # it ends with the block, not when its time has come
    assert not timer.is_alive() and not loaded.is_set()
