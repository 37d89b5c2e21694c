"""Nothing of rnnx breaks the locks that keep an SQLite store whole."""

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from tiny import tiny

from rnnx.errors import StoreError
from rnnx_builtin.trackers.mlflow_client import connect
from rnnx_builtin.trackers.mlflow_place import is_database

OTHER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
try:
    database.execute("BEGIN IMMEDIATE")
except sqlite3.OperationalError as error:
    print(error)
"""

# A file that is opened and closed in the process of a connection takes the locks away from it.
WATCHED = """
import json, sys

def watch(event, given):
    if event == "open" and str(given[0]).endswith("mlflow.db"):
        print("OPENED", given, file=sys.stderr)

sys.addaudithook(watch)
from rnnx.__main__ import main

for command in json.loads(sys.argv[1]):
    sys.argv[1:] = command
    try:
        code = main()
    except SystemExit as end:
        code = end.code
    if code:
        sys.exit(f"{command}: {code}")
    print("ENDED", command[0])
"""


def writes_of_another_process(file: Path) -> str:
    """Why another process may not write to the store; empty if it may."""
    command = [sys.executable, "-c", OTHER, str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_looking_at_a_store_keeps_the_lock_of_a_writer(empty_store: Path) -> None:
    with closing(sqlite3.connect(empty_store, isolation_level=None)) as database:
        assert writes_of_another_process(empty_store) == ""
        database.execute("BEGIN IMMEDIATE")
        assert writes_of_another_process(empty_store) == "database is locked"
        assert is_database(empty_store)
        connect(f"sqlite:///{empty_store}")
        database.execute("ROLLBACK")
    with closing(sqlite3.connect(empty_store, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        assert is_database(empty_store)
        assert writes_of_another_process(empty_store) == "database is locked"


@pytest.mark.parametrize(
    ("content", "is_one"), [(b"", True), (b"text", False), (b"of another kind\n" * 400, False)]
)
def test_a_file_that_is_no_store(content: bytes, is_one: bool, tmp_path: Path) -> None:
    file = tmp_path / "odd % name#?.db"
    file.write_bytes(content)
    assert is_database(file) == is_one
    assert file.read_bytes() == content
    if not is_one:
        with pytest.raises(StoreError, match="the file is no SQLite database"):
            connect(f"sqlite:///{file}")


def test_no_command_opens_the_store_but_through_sqlite(
    names: Path, empty_store: Path, tmp_path: Path
) -> None:
    (tmp_path / "there").mkdir()
    there = shutil.copy(empty_store, tmp_path / "there/mlflow.db")
    own = [o for o in tiny(names, "steps=2") if o != "tracker=none"]
    sweep = ["seed=1,2", "hydra/launcher=basic", f"tracker.uri=sqlite:///{there}"]
    commands = [["train", *own], ["train", "-m", *sweep, *own], ["sync", "last"]]
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, json.dumps(commands)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "OPENED" not in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.count("ENDED") == len(commands)
