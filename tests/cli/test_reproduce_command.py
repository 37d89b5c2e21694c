"""``rnnx reproduce``: what there is, what is refused, and a table of a plugin's from end to end."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from published_tables import TABLE, write_plugin

from rnnx.cli.doctor import doctor
from rnnx.cli.reproduce import list_tables, reproduce
from rnnx.comparison.published import table_names
from rnnx.errors import ConfigError
from rnnx.registry.manager import plugins


@pytest.fixture
def bring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Install a plugin with these tables."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(**tables: str) -> None:
        write_plugin(tmp_path, **tables)
        plugins.cache_clear()

    yield write
    plugins.cache_clear()
    sys.modules.pop("acme_tables", None)


def test_a_plugins_table_is_listed_beside_those_of_rnnx(
    bring: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    bring(two_cells=TABLE)
    list_tables()
    printed = capsys.readouterr().out
    assert "two_cells\tTwo cells on names\tnobody\tdataset.path" in printed
    assert {line.split("\t")[0] for line in printed.splitlines()} >= {"parity", "two_cells"}


@pytest.mark.parametrize(
    ("name", "typed", "row", "cause"),
    [
        ("two_cell", [], [], "did you mean two_cells?"),
        ("two_cells", [], [], "add dataset.path=FILE, a file of names"),
        ("two_cells", ["dataset.path=x"], ["gat"], "choose from plain, gated, open gate, gate"),
        ("two_cells", ["dataset.path=x", "stepps=3"], [], "stepps"),
        ("all", [], ["plain"], "name the table"),
    ],
)
def test_a_wrong_word_is_one_line(
    bring: Callable[..., None], name: str, typed: list[str], row: list[str], cause: str
) -> None:
    bring(two_cells=TABLE)
    with pytest.raises(ConfigError) as caught:
        reproduce(name, typed, row=row)
    assert cause in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not Path("outputs").exists()


def test_a_page_that_cannot_be_is_refused_before_any_run(bring: Callable[..., None]) -> None:
    bring(two_cells=TABLE)
    with pytest.raises(ConfigError, match=r"--write no/where\.md: there is no folder no"):
        reproduce("two_cells", ["dataset.path=x"], write="no/where.md")


def test_a_table_of_rnnx_hides_that_of_a_plugin_and_the_doctor_says_so(
    bring: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    before = table_names()
    bring(parity=TABLE, broken=TABLE.replace("title:", "titel:"))
    assert table_names() == sorted([*before, "broken"])
    assert doctor() == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "reproduce parity: rnnx has one of that name, which hides it" in printed
    assert "has no key titel" in printed


def test_a_table_from_its_runs_to_the_page(tmp_path: Path, names: Path) -> None:
    write_plugin(tmp_path, two_cells=TABLE)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    command = ["reproduce", "two_cells", "--quick", "--row", "plain", "--row", "gated"]
    done = subprocess.run(
        [sys.executable, "-m", "rnnx", *command, f"dataset.path={names}", "--write", "page.md"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stderr
    (plain,) = (line for line in done.stdout.splitlines() if line.startswith("plain\t"))
    cells = plain.split("\t")
    assert cells[:4] == ["plain", "loss", "1.500", "second-hand"]
    assert float(cells[4]) > 0
    assert cells[6:8] == ["1", "4"]
    assert cells[9:] == ["cannot", "contradicts"]
    page = Path("page.md").read_text("utf-8")
    assert "## Two cells on names" in page
    assert f"| plain | 1.500 † | {cells[4]} (cannot ✗) | 1 | 4 |" in page
