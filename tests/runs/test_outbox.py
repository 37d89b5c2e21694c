"""The outbox: nothing that was added is lost, whoever is killed; an earlier one is taken over."""

import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from rnnx.contracts.trackers import Kept, Point
from rnnx.errors import StoreError
from rnnx.runs.metrics_file import append, read_history
from rnnx.runs.outbox import Outbox


class Log:
    """A tracker's run that remembers what it was told, and fails after ``most`` calls."""

    id = "x"

    def __init__(self, most: int = 10**9) -> None:
        self.said: list[Any] = []
        self.most = most

    def _say(self, *what: Any) -> None:
        if len(self.said) == self.most:
            raise ConnectionError
        self.said.append(what)

    def points(self, points) -> None:
        self._say("points", *(point.step for point in points))

    def tags(self, tags) -> None:
        self._say("tags", tags)

    def file(self, path: Path, folder: str = "") -> None:
        self._say("file", path.name, folder)

    def image(self, name: str, path: Path, step: int) -> None:
        self._say("image", name, path.name, step)

    def finish(self, status: str, ended: float | None = None) -> None:
        self._say("finish", status, ended)


def points(*steps: int) -> list[Point]:
    return [Point("a", 0.5, step, 1) for step in steps]


def test_what_was_sent_is_sent_once(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with Outbox(tmp_path) as outbox:
        outbox.add("tags", {"a": "b"})
        outbox.add_points(points(1, 2))
        outbox.add("image", "a.png", "x", 3)
        outbox.add("finish", "FINISHED", 1.5)
    said: list[Any] = []
    for _ in range(4):
        with Outbox(tmp_path) as outbox:
            log = Log(most=1)
            with suppress(ConnectionError):
                outbox.deliver(log)
        said += log.said
    assert said == [
        ("points", 1, 2),
        ("tags", {"a": "b"}),
        ("image", "x", "a.png", 3),
        ("finish", "FINISHED", 1.5),
    ]
    with Outbox(tmp_path) as outbox:
        assert outbox.count() == 0


def test_an_end_that_a_resumed_run_has_left_behind_is_not_sent(tmp_path: Path) -> None:
    with Outbox(tmp_path) as outbox:
        outbox.add("finish", "KILLED", 1.5)
        outbox.add("tags", {"a": "b"})
        outbox.deliver(log := Log())
        assert outbox.count() == 0
    assert log.said == [("tags", {"a": "b"})]


ENDLESS = """
import sys, threading
from pathlib import Path
import pytest

from rnnx.contracts.trackers import Kept, Point
from rnnx.errors import StoreError
from rnnx.runs.outbox import Outbox

class Log:
    def points(self, points): pass
    def tags(self, tags): pass

def work():
    while True:
        outbox.deliver(Log())

outbox, i = Outbox(Path(sys.argv[1])), int(sys.argv[2])
threading.Thread(target=work, daemon=True).start()
while True:
    outbox.add("tags", {"i": str(i)})
    outbox.add_points([Point("a", 0.5, i, 1)])
    if i % 20 == 0:
        outbox.sync()
    print(i, flush=True)
    i += 1
"""


def test_killed_at_any_instant_it_has_everything(tmp_path: Path) -> None:
    after = -1
    for kill in range(5):
        command = [sys.executable, "-c", ENDLESS, str(tmp_path), str(after + 1)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            said = "".join(process.stdout.readline() for _ in range(13 * kill + 1))
            process.send_signal(signal.SIGKILL)
            said += process.stdout.read()
        after = int(said[: said.rindex("\n")].split("\n")[-1])
        with Outbox(tmp_path) as outbox:
            outbox.deliver(Log())
            assert (outbox.count(), outbox.damaged) == (0, 0)
        with closing(sqlite3.connect(tmp_path / "outbox.db")) as database:
            rows = database.execute("SELECT entry FROM outbox WHERE id > 0 ORDER BY id").fetchall()
        added = {int(json.loads(entry)[1]["i"]) for (entry,) in rows}
        assert added >= set(range(after + 1))
        steps = [point.step for point in read_history(tmp_path / "metrics.jsonl")["a"]]
        assert set(steps) >= set(range(after + 1))
    assert not (tmp_path / "outbox.db.damaged").exists()


def test_a_torn_line_is_cut_off_by_the_next_points(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    append(path, points(1))
    whole = path.read_text()
    for torn in ("[", '["a", 0.5, 2, 1]', "\0\0\0"):
        path.write_text(whole + torn)
        assert [point.step for point in read_history(path)["a"]] == [1]
        append(path, points(2))
        assert [point.step for point in read_history(path)["a"]] == [1, 2]


def earlier(folder: Path) -> None:
    """A folder as rnnx 0.1.0 left it: a point and two entries were sent, as many were not."""
    lines = [json.dumps(point) + "\n" for point in points(1, 2)]
    entries = [json.dumps(["tags", {"a": name}]) + "\n" for name in "xyz"]
    (folder / "metrics.jsonl").write_text("".join(lines))
    (folder / "outbox.jsonl").write_text("".join(entries) + '["tags", {"torn')
    sent = {"points": len(lines[0]), "others": len(entries[0])}
    (folder / "sent.json").write_text(json.dumps(sent))


def test_an_earlier_outbox_is_taken_over(tmp_path: Path) -> None:
    earlier(tmp_path)
    with Outbox(tmp_path) as outbox:
        assert outbox.count() == 3
        outbox.deliver(log := Log())
    assert log.said == [("points", 2), ("tags", {"a": "y"}), ("tags", {"a": "z"})]
    assert {path.name for path in tmp_path.glob("*.*")} == {"metrics.jsonl", "outbox.db"}


def test_killed_before_the_earlier_outbox_was_deleted(tmp_path: Path) -> None:
    earlier(tmp_path)
    left = {name: (tmp_path / name).read_bytes() for name in ("outbox.jsonl", "sent.json")}
    with Outbox(tmp_path) as outbox:
        outbox.deliver(Log())
    for name, content in left.items():
        (tmp_path / name).write_bytes(content)
    with Outbox(tmp_path) as outbox:
        assert outbox.count() == 0
    assert not any((tmp_path / name).exists() for name in left)


class Store(Log):
    """A run that can be read back; while ``away`` somebody else takes what it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.held: dict[str, Any] = {"points": set(), "params": {}, "files": {}, "status": ""}

    def _hold(self, what: str, more: Any) -> None:
        if not self.away:
            self.held[what] = more if isinstance(more, str) else self.held[what] | more

    def params(self, params) -> None:
        self._hold("params", params)

    def points(self, points) -> None:
        self._hold("points", set(points))

    def file(self, path: Path, folder: str = "") -> None:
        self._hold("files", {f"{folder}/{path.name}".lstrip("/"): path.stat().st_size})

    def finish(self, status: str, ended: float | None = None) -> None:
        self._hold("status", status)

    def kept(self) -> Kept:
        held = self.held
        return Kept(held["status"], frozenset(held["params"]), held["files"], frozenset())

    def count(self, key: str) -> int:
        return sum(point.key == key for point in self.held["points"])


@pytest.fixture
def everything(tmp_path: Path) -> Outbox:
    (tmp_path / "a.txt").write_text("some text")
    outbox = Outbox(tmp_path)
    outbox.add("params", {"p": "1"})
    outbox.add_points(points(1, 2, 3))
    outbox.add("file", "a.txt", "samples")
    outbox.add("finish", "FINISHED", 1.5)
    return outbox


def test_what_somebody_else_took_is_sent_again(everything: Outbox) -> None:
    log = Store()
    log.away = True
    everything.deliver(log)
    assert everything.count() == 0
    log.away = False
    assert everything.deliver_again(log) == 5  # all but the end, which is told in any case
    assert log.held == {
        "points": set(points(1, 2, 3)),
        "params": {"p": "1"},
        "files": {"samples/a.txt": 9},
        "status": "FINISHED",
    }
    assert everything.deliver_again(log) == 0


@pytest.mark.parametrize("lost", ["points", "params", "files"])
def test_what_is_gone_is_sent_again(everything: Outbox, lost: str) -> None:
    log = Store()
    everything.deliver(log)
    before = {key: value.copy() for key, value in log.held.items() if key != "status"}
    log.held[lost] = type(log.held[lost])()
    assert everything.deliver_again(log) > 0
    assert {key: log.held[key] for key in before} == before


def test_nothing_is_called_sent_that_nobody_holds(everything: Outbox) -> None:
    log = Store()
    log.away = True
    for _ in range(2):
        with pytest.raises(StoreError, match="does not hold it"):
            everything.deliver_again(log)
        assert everything.count() > 0


def test_a_tracker_of_the_first_api_has_pictures(tmp_path: Path) -> None:
    class First(Log):
        image = None  # type: ignore[assignment]

        def picture(self, name: str, path: Path, step: int) -> None:
            self._say("picture", name, path.name, step)

    (tmp_path / "a.png").write_bytes(b"")
    with Outbox(tmp_path) as outbox:
        outbox.add("image", "a.png", "x", 3)
        outbox.deliver(log := First())
    assert log.said == [("picture", "x", "a.png", 3)]
