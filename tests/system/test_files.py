"""Paths as users type them, and small JSON files that may be anything."""

import os
from pathlib import Path

import pytest

from rnnx.system.files import JSON_LIMIT, expanded, read_json, replacing, write_json


def test_a_path_as_it_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert expanded("~/x") == Path("/home/me/x")
    assert expanded(Path("~")) == Path("/home/me")
    for path in ("~nobody1234/x", "x/~", "./~nobody1234", "", "x"):
        assert expanded(path) == Path(path)


def test_a_small_json_file_is_a_mapping_or_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    assert read_json(path) == {}
    write_json(path, {"a": [1, None]})
    assert read_json(path) == {"a": [1, None]}
    for content in ("", "[1]", "null", '{"a"', "[" * 100_000, '{"a": ' + "9" * 5000 + "}"):
        path.write_text(content)
        assert read_json(path) == {}
    path.write_bytes(b'{"\xff": 1}')
    assert read_json(path) == {}


def test_what_is_no_regular_file_of_some_size_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    assert read_json(path) == {}
    assert read_json(tmp_path) == {}
    assert read_json(Path("/dev/zero")) == {}
    path = tmp_path / "large.json"
    path.write_text("{}")
    os.truncate(path, JSON_LIMIT + 1)
    assert read_json(path) == {}


@pytest.mark.parametrize("to_disk", [False, True])
def test_a_file_is_replaced_at_once_or_not_at_all(to_disk: bool, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path, to_disk) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    with replacing(path, to_disk) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert not list(tmp_path.glob(".*"))
    (tmp_path / "gone").mkdir()
    with pytest.raises(OSError), replacing(tmp_path / "gone" / "a", to_disk) as temporary:
        (tmp_path / "gone").rmdir()
        temporary.write_text("new")
    assert not (tmp_path / "gone").exists()
