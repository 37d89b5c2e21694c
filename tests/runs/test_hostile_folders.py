"""A run's own files, damaged or made by somebody who means harm, and where names may lead."""

import json
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from fuzzing import damaged
from tiny import tiny

import rnnx
from rnnx.cli.models import evaluate
from rnnx.cli.runs import show_runs, sync
from rnnx.contracts.trackers import Point
from rnnx.errors import CheckpointError, DataError, PluginError, RnnxError, RunBusy, StoreError
from rnnx.models.load import find_model
from rnnx.runs import checkpoint as checkpoints
from rnnx.runs.find import list_runs
from rnnx.runs.folder import RunFolder, runs_in
from rnnx.runs.lock import RunLock
from rnnx.runs.metrics_file import read_history
from rnnx.runs.outbox import Outbox
from rnnx.runs.outbox_file import SCHEMA
from rnnx.runs.paths import refuse_links
from rnnx.runs.stored_config import stored_config
from rnnx.runs.tracking import Tracking
from rnnx.training.report import Silent
from rnnx.training.resume import resume
from rnnx.training.run import Run


class Log:
    """A tracker's run that remembers what it was told."""

    id = "x"

    def __init__(self) -> None:
        self.said: list[Any] = []

    def points(self, points) -> None:
        self.said += points

    def tags(self, tags) -> None:
        self.said.append(tags)

    def file(self, path: Path, folder: str = "") -> None:
        self.said.append(path.name)

    def image(self, name: str, path: Path, step: int) -> None:
        self.said.append(name)

    def params(self, params) -> None:
        self.said.append(params)

    def finish(self, status: str, ended: float | None = None) -> None:
        self.said.append(status)


@pytest.fixture
def run(names: Path) -> Run:
    return rnnx.train(tiny(names, "steps=9", "checkpoint.every=3"))


def hurt(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()  # what is linked to it stays whole
    path.write_bytes(content)


def test_the_whole_checkpoint_beside_a_damaged_one_is_offered(run: Run) -> None:
    hurt(run.folder.best)
    with pytest.raises(CheckpointError, match=r"best.*this one is whole: .*step_00000009"):
        find_model(run.run_id)
    hurt(run.folder.recent(9))
    run.folder.last.unlink()
    with pytest.raises(CheckpointError, match=r"this one is whole: .*step_00000006"):
        list(evaluate(run.run_id, []))


def test_resume_takes_the_one_before_a_damaged_one(run: Run, capsys) -> None:
    for path in (run.folder.recent(9), run.folder.last):
        hurt(path)
    assert resume(run.folder, Silent()).status == "FINISHED"
    assert "trying the one before it" in capsys.readouterr().err
    assert run.folder.checkpoint_files()[0].name == "step_00000009.safetensors"


def test_resume_passes_over_a_right_seal_on_wrong_state(run: Run, capsys) -> None:
    found = checkpoints.read(run.folder.recent(9))
    metadata = dict(found.metadata) | {"generators": {}}
    checkpoints.write(checkpoints.Checkpoint(found.tensors, metadata), run.folder.recent(9))
    assert resume(run.folder, Silent(), ["steps=12"]).status == "FINISHED"
    assert "generators must be" in capsys.readouterr().err


def test_with_all_checkpoints_damaged_a_run_begins_again(run: Run, capsys) -> None:
    for path in run.folder.checkpoints.iterdir():
        hurt(path)
    before = run.folder.metrics.read_text().splitlines()
    assert resume(run.folder, Silent()).status == "FINISHED"
    assert "begins again from its start" in capsys.readouterr().err
    assert run.folder.metrics.read_text().splitlines()[: len(before)] == before  # told once


def test_other_data_stops_it(run: Run, names: Path) -> None:
    names.write_text(names.read_text() + "newname\n")
    with pytest.raises(DataError, match="SHA-256"):
        resume(run.folder, Silent(), ["steps=12"])


LINES = [
    '["file", "../../../../etc/passwd", ""]',
    '["file", "/etc/passwd", ""]',
    '["file", "link", ""]',
    '["file", "run.json", "../../x"]',
    '["file", "a\\u0000b", ""]',
    '["picture", "../../secret", "x", 1]',
    '["picture", "run.json", "../x", 1]',
    '["picture", "run.json", "x", "1"]',
    '["tags", {"a": 1}]',
    '["tags", ["a"]]',
    '["finish", "RUNNING", 1.5]',
    '["finish", "KILLED", Infinity]',
    '["finish"]',
    '["exec", "touch owned"]',
    '{"file": "run.json"}',
    "[" * 100_000,
    "null",
    "",
    "\udc80",
    "x" * 2_000_000,
]


def in_rows(folder: Path, entries: list[str]) -> None:
    """Whatever somebody puts into the outbox of today."""
    Outbox(folder).close()
    with closing(sqlite3.connect(folder / "outbox.db")) as database, database:
        rows = [(entry.encode("utf-8", "surrogateescape"),) for entry in entries]
        database.executemany("INSERT INTO outbox (entry, sent) VALUES (?, 0)", rows)
        database.execute("UPDATE outbox SET entry = CAST(entry AS TEXT) WHERE id % 2")


def in_lines(folder: Path, entries: list[str]) -> None:
    """The same in the outbox of rnnx's first folders."""
    content = "\n".join([*entries, ""])
    (folder / "outbox.jsonl").write_bytes(content.encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("put", [in_rows, in_lines])
def test_nothing_outside_the_folder_is_sent(put: Callable[..., None], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (tmp_path / "secret").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "run.json").write_text("{}")
    put(folder, [*LINES, '["file", "run.json", ""]', '["finish", "KILLED", 1.5]'])
    log = Log()
    with Outbox(folder) as outbox:
        outbox.deliver(log)
        assert outbox.count() == 0
    assert log.said == ["run.json", "KILLED"]


def test_points_that_are_none_are_passed_over(tmp_path: Path) -> None:
    good = ["a", 0.5, 1, 2]
    bad = [
        *(["a", 0.5, 1], ["a", 0.5, -1, 2], ["a", 0.5, 10**400, 2], ["a", 10**400, 1, 2]),
        *(["a", "x", 1, 2], [1, 0.5, 1, 2], ["a", 0.5, True, 2], ["a", 0.5, 1.5, 2], None, {}),
        *(["\x1b", 1.0, 1, 2], ["a" * 1000, 1.0, 1, 2], ["a", [], 1, 2]),
    ]  # fmt: skip
    lines = [json.dumps(line) for line in [*bad, good, *bad]]
    (tmp_path / "metrics.jsonl").write_text("\n".join([*lines, "[" * 10_000, "\x00", ""]))
    log = Log()
    with Outbox(tmp_path) as outbox:
        outbox.deliver(log)
        assert log.said == [Point("a", 0.5, 1, 2)]
        assert outbox.count() == 0
    assert read_history(tmp_path / "metrics.jsonl") == {"a": [Point("a", 0.5, 1, 2)]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "{}",
        '{"points": -5, "others": 1e999}',
        '{"points": 99999999999, "others": "1"}',
        "[" * 10_000,
    ],
)
def test_a_damaged_place_means_sending_again(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.jsonl").write_text('["a", 0.5, 1, 2]\n')
    (tmp_path / "sent.json").write_text(text)
    with Outbox(tmp_path) as outbox:
        assert outbox.count() == 1


@pytest.mark.parametrize("sent", [-5, 3, 10**9, 2**63 - 1, "x", b"\xff", 17.5])
def test_a_place_at_no_end_of_a_line_means_sending_again(tmp_path: Path, sent: object) -> None:
    (tmp_path / "metrics.jsonl").write_text('["a", 0.5, 1, 2]\n')
    Outbox(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as database, database:
        database.execute("UPDATE outbox SET sent = ? WHERE id = 0", [sent])
    with Outbox(tmp_path) as outbox:
        assert outbox.count() == 1


SCHEMAS = {
    "no table": "CREATE TABLE other (id)",
    "another": "CREATE TABLE outbox (id, entry, sent)",
    "a view": "CREATE VIEW outbox AS SELECT 1 AS id, 'x' AS entry, 0 AS sent",
    "a trigger": f"{SCHEMA}; CREATE TRIGGER t AFTER UPDATE ON outbox BEGIN DELETE FROM outbox; END",
    "endless": (
        "CREATE VIEW outbox AS WITH RECURSIVE n(id, entry, sent) AS "
        "(SELECT 1, 'x', 0 UNION ALL SELECT id + 1, 'x', 0 FROM n) SELECT * FROM n"
    ),
}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS.keys())
def test_an_outbox_that_is_none_is_set_aside(tmp_path: Path, schema: str) -> None:
    (tmp_path / "metrics.jsonl").write_text('["a", 0.5, 1, 2]\n')
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as database:
        database.executescript(schema)
    log = Log()
    with Outbox(tmp_path) as outbox:
        outbox.add("tags", {"a": "b"})
        outbox.deliver(log)
    assert log.said == [Point("a", 0.5, 1, 2), {"a": "b"}]
    assert (tmp_path / "outbox.db.damaged").is_file()


FILES = ["run.json", "metrics.jsonl", "outbox.db", "outbox.jsonl", "sent.json", "samples.csv"]
FILES += [".owner"]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", FILES)
def test_damaged_files_of_a_run(run: Run, name: str, seed: int, capsys) -> None:
    path, rng = run.folder.path / name, random.Random(seed)
    content = path.read_bytes() if path.exists() else b'{"pid": 1, "host": "a"}'
    for _ in range(10):
        path.write_bytes(damaged(content, rng))
        list_runs([], 5)
        with Outbox(run.folder.path) as outbox:
            outbox.deliver(Log())
        read_history(run.folder.metrics)
        with RunLock(run.folder), pytest.raises(RunBusy):
            path.write_bytes(damaged(content, rng))
            RunLock(run.folder).__enter__()
    path.write_bytes(damaged(content, rng))
    show_runs([], 5)
    assert resume(run.folder, Silent(), ["steps=11"]).status == "FINISHED"


@pytest.mark.parametrize(
    "fields",
    [
        {"started": "x", "metrics": [], "tags": 1, "name": {"a": 1}},
        {"started": 1e300, "metrics": {"best/val_loss": "x"}, "name": "[red]a[/blue]\x1b"},
        {"started": float("nan"), "status": [], "metrics": {"best/val_loss": 10**400}},
    ],
)
def test_a_hostile_run_json(run: Run, fields: dict[str, Any], capsys) -> None:
    (run.folder.path / "run.json").write_text(json.dumps(fields))
    show_runs([], 5)
    assert run.run_id[:12] in capsys.readouterr().out
    assert runs_in(Path("outputs"))


CONFIGS = {
    "interpolation": "outputs: ${oc.env:HOME}\n",
    "tag": "cell: !!python/object/apply:os.system [touch owned]\n",
    "alias": "a: &a [1]\nb: [*a, *a]\n",
    "list": "- 1\n",
    "deep": "a: " + "[" * 50 + "]" * 50 + "\n",
    "long": "a: " + "x" * 200_000 + "\n",
    "target": "_target_: os.system\n",
    "empty": "",
    "no text": "a: \x00\n",
}


@pytest.mark.parametrize("text", CONFIGS.values(), ids=CONFIGS.keys())
def test_a_hostile_config_yaml(run: Run, text: str) -> None:
    run.folder.config.write_text(text)
    with pytest.raises(CheckpointError, match=r"config\.yaml"):
        stored_config(run.folder)
    with pytest.raises(RnnxError):
        with Outbox(run.folder.path) as outbox:
            outbox.add("finish", "KILLED")
        sync(run.run_id)
    assert not list(Path.cwd().rglob("owned"))


def test_a_config_yaml_is_read_as_it_was_written(run: Run) -> None:
    assert stored_config(run.folder) == checkpoints.read(run.folder.last).config
    assert yaml.safe_load(run.folder.config.read_text())["steps"] == 9


def test_a_link_in_a_folder_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    run.folder.metrics.unlink()
    run.folder.metrics.symlink_to(tmp_path / "mine")
    with pytest.raises(StoreError, match=r"metrics\.jsonl: is a symbolic link"):
        refuse_links(run.folder.path)
    with pytest.raises(StoreError):
        sync(run.run_id)


def test_a_link_of_submitits_to_a_file_beside_it_is_no_trouble(tmp_path: Path) -> None:
    sweep, own = tmp_path / "sweep", tmp_path / "sweep" / "hydra" / ".submitit"
    own.mkdir(parents=True)
    (own / "3.sh").write_text("srun")
    (own / ".submission_file.sh").symlink_to(own / "3.sh")
    refuse_links(sweep, sweep / "hydra")
    (own / "out.sh").symlink_to(tmp_path / "mine")
    with pytest.raises(StoreError, match=r"out\.sh: is a symbolic link"):
        refuse_links(sweep, sweep / "hydra")
    (own / "out.sh").unlink()
    (sweep / "jobs").symlink_to(own)
    with pytest.raises(StoreError, match="jobs: is a symbolic link"):
        refuse_links(sweep, sweep / "hydra")


@pytest.mark.parametrize("name", ["../x", "a/b", "A", "", "é", "a\x00b", "x" * 300])
def test_a_probe_s_image_stays_in_the_folder(run: Run, name: str) -> None:
    tracking = Tracking(Log(), run.folder, print)
    with pytest.raises(PluginError, match="small letters"):
        tracking.image(name, b"", 1)
    tracking.finish("KILLED")


@pytest.mark.parametrize("run_id", ["../x", "a/b", "", ".", "..", ".new-x", "a\x00", "x" * 300])
def test_an_id_names_a_folder_and_nothing_else(tmp_path: Path, run_id: str) -> None:
    folder = RunFolder.create(str(tmp_path / "outputs"), {"name": "a"}, {})
    with pytest.raises(StoreError, match="not an id"):
        folder.begin(run_id)
    assert folder.path.is_dir()
