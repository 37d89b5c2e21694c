"""A damaged distribution costs itself alone."""

from importlib import metadata
from pathlib import Path

import pytest

from rnnx.registry.manager import plugins
from rnnx.system.distributions import entry_points, name_and_version

METADATA = b"Name: odd\nVersion: 1\n"
DAMAGES = {
    "not UTF-8": {"METADATA": METADATA, "entry_points.txt": b"\xff\xfe[rnnx"},
    "malformed": {"METADATA": METADATA, "entry_points.txt": b"[rnnx]\nno value\n"},
    "empty": {},
    "without a name": {"METADATA": b"Version: 1\n", "entry_points.txt": b"[rnnx]\nx = nowhere\n"},
}
UNREADABLE = ("not UTF-8", "malformed")


@pytest.fixture(params=DAMAGES)
def damaged(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "path" / "odd-1.0.dist-info"
    folder.mkdir(parents=True)
    for name, content in DAMAGES[request.param].items():
        (folder / name).write_bytes(content)
    monkeypatch.syspath_prepend(folder.parent)
    plugins.cache_clear()
    return str(request.param)


def test_the_others_are_found(damaged: str) -> None:
    found, broken = entry_points(group="rnnx")
    assert {"cells", "trackers"} <= {point.name for point in found}
    assert [one.name for one in broken] == (["odd"] if damaged in UNREADABLE else [])


def test_the_components_are_there_and_the_damage_is_named(damaged: str) -> None:
    found = plugins()
    plugins.cache_clear()
    assert found.registry.get("cell", "lstm").owner.distribution == "rnnx"
    failures = [str(failure) for failure in found.failures]
    assert all("odd" in failure for failure in failures)
    assert bool(failures) == (damaged in (*UNREADABLE, "without a name"))


def test_a_distribution_without_a_name_is_called_as_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "odd-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Version: 1.0\n")
    assert name_and_version(metadata.PathDistribution(folder)) == ("odd-1.0", "?")
    assert name_and_version(None) == ("unknown", "?")
