"""A run does what a person asks in its tracker's pages, and nothing else changes."""

from collections.abc import Sequence
from pathlib import Path
from threading import Event

import pytest
from run_equality import assert_same_run, points_of
from tiny import tiny

from rnnx.config.compose import compose
from rnnx.contracts.trackers import RunSummary
from rnnx.runs import checkpoint as checkpoints
from rnnx.runs import sender
from rnnx.runs.folder import RunFolder
from rnnx.runs.steering import REQUESTS, Steering, requests_in
from rnnx.training.report import Silent
from rnnx.training.resume import resume
from rnnx.training.run import Run, train
from rnnx.training.session import Session

DENSE = ("steps=40", "log_every=2", "eval_every=10", "sample_every=16", "checkpoint.every=8")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "POLL_INTERVAL", 0.01)


class Person(Silent):
    """Sets tags of the run's entry in MLflow at a step, and waits until rnnx has read them."""

    def __init__(self, step: int, tags: dict[str, str]) -> None:
        self.step, self.tags, self.notes, self.drawn = step, tags, [], 0

    def start(self, session: Session, folder: RunFolder) -> None:
        self.folder = folder

    def progress(self, session: Session, tokens_per_s: float) -> None:
        if session.steps == self.step:
            for key, value in self.tags.items():
                client().set_tag(self.folder.id, key, value)
            assert self.until_read()

    def until_read(self) -> bool:
        raise NotImplementedError

    def samples(self, session: Session, texts: Sequence[str]) -> None:
        self.drawn += 1

    def note(self, line: str) -> None:
        self.notes.append(line)


def client():
    from mlflow import MlflowClient

    return MlflowClient(store())


def store() -> str:
    return f"sqlite:///{Path.cwd()}/mlflow.db"


def run_asked(names: Path, person: Person) -> Run:
    """A run whose tags ``person`` sets; the step at hand waits for the thread that reads them."""
    read, poll = Event(), Steering.poll

    def seen(self: Steering, run_id: str) -> None:
        poll(self, run_id)
        if self.asked:
            read.set()

    overrides = tiny(names, *DENSE, "tracker=mlflow", f"tracker.uri={store()}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Steering, "poll", seen)
        patch.setattr(person, "until_read", lambda: read.wait(60))
        return train(compose(overrides), person, overrides)


def tags_of(run: Run) -> dict[str, str]:
    return dict(client().get_run(run.run_id).data.tags)


@pytest.mark.usefixtures("default_store")
def test_a_run_that_is_asked_to_stop_resumes_as_if_nobody_had_asked(names: Path) -> None:
    asked = run_asked(names, Person(12, {"rnnx.stop": "true"}))
    assert (asked.status, asked.exit_code) == ("KILLED", 130)
    assert checkpoints.read(asked.folder.last).metadata["step"] == 12
    assert asked.folder.read()["reason"] == "rnnx.stop after step 12"
    assert "rnnx.stop" not in tags_of(asked)
    assert tags_of(asked)["reason"] == "rnnx.stop after step 12"
    client().set_tag(asked.run_id, "rnnx.stop", "true")  # before anybody resumes it
    ended = resume(asked.folder, Silent())
    assert ended.status == "FINISHED"
    assert_same_run(ended.folder, train(compose(tiny(names, *DENSE)), Silent()).folder)


@pytest.mark.usefixtures("default_store")
def test_what_is_asked_for_changes_no_later_step(names: Path) -> None:
    person = Person(6, {"rnnx.sample": "now", "rnnx.evaluate": "now"})
    asked = run_asked(names, person)
    assert asked.status == "FINISHED"
    assert person.notes[0] == "asked in the tracker: rnnx.evaluate, rnnx.sample"
    assert not set(REQUESTS) & tags_of(asked).keys()
    plain = train(compose(tiny(names, *DENSE)), Silent())
    mine, theirs = points_of(asked.folder), points_of(plain.folder)
    assert [step for step, _ in mine["val/loss"]] == [6, 10, 20, 30, 40]
    assert [point for point in mine["val/loss"] if point[0] != 6] == theirs["val/loss"]
    extra = {path.name for path in (asked.folder.path / "samples").iterdir()}
    extra -= {path.name for path in (plain.folder.path / "samples").iterdir()}
    assert extra == {"step_000006.txt"}
    for path in (plain.folder.path / "samples").iterdir():
        assert (asked.folder.path / "samples" / path.name).read_bytes() == path.read_bytes()
    one, two = (checkpoints.read(run.folder.last).tensors for run in (asked, plain))
    assert all(one[name].tobytes() == two[name].tobytes() for name in two)


@pytest.mark.parametrize("value", ["true", "True", " now ", "yes", "1"])
def test_words_that_ask(value: str) -> None:
    assert requests_in({"rnnx.stop": value, "rnnx.steps": "1"}) == {"rnnx.stop"}


@pytest.mark.parametrize("value", ["", "false", "no", "0", "later"])
def test_words_that_do_not(value: str) -> None:
    assert requests_in({"rnnx.stop": value}) == frozenset()


def summary(tags: dict[str, str]) -> RunSummary:
    return RunSummary("a", "RUNNING", "a", 0.0, "", {}, tags)


def test_a_tag_is_one_request_until_it_is_removed_and_a_sweep_s_tags_reach_its_jobs() -> None:
    tags = {"a": {"rnnx.parent": "b"}, "b": {"rnnx.stop": "true", "rnnx.sample": "now"}}
    steering = Steering(lambda run_id: summary(tags[run_id]))
    for _ in range(3):
        steering.poll("a")
    assert steering.take() == {"rnnx.sample"}  # a sweep's driver stops its jobs
    steering.poll("a")
    assert steering.take() == frozenset()
    del tags["b"]["rnnx.sample"]
    steering.poll("a")
    tags["a"]["rnnx.sample"] = "now"
    steering.poll("a")
    assert steering.take() == {"rnnx.sample"}
    Steering(lambda run_id: None).poll("a")  # a run that was deleted in the store
