"""`rnnx samples` in a terminal of any width, with and without colours, and in a pipe."""

import csv
import os
import re
import subprocess
import sys

import pytest
from rich.cells import cell_len

from rnnx.comparison.compare import compare_sweep
from rnnx.comparison.samples_printing import print_samples
from rnnx.runs.samples_file import append, rounds
from rnnx.runs.sweep_folder import Sweep

STYLE = re.compile(r"\x1b\[[\d;]*m")


def printed(
    capsys: pytest.CaptureFixture[str],
    names: list[str],
    step: int | None = None,
    diff: bool = False,
) -> str:
    print_samples(names, step, diff, None, 3)
    return "".join(capsys.readouterr())


@pytest.fixture
def best(sweep: Sweep) -> str:
    """The id of the best run."""
    return compare_sweep(sweep).runs[0].run_id


def test_a_pipe_gets_a_row_a_text(
    sweep: Sweep, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    print_samples([sweep.id], None, False, None, 3)
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err
    assert err.startswith("rnnx: ") and err.endswith("no samples are here\n")
    rows = out.splitlines()
    table = list(csv.DictReader(rows, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert len(table) == 4 * 3
    run = compare_sweep(sweep).runs[0]
    assert run.folder is not None
    first = rounds(run.folder.samples)[-1].texts[0]
    assert (table[0]["run"], table[0]["step"], table[0]["final"]) == (run.run_id[:8], "12", "true")
    assert table[0]["text"] == first and float(table[0]["nats"]) > 0
    assert table[0]["copy"] in first and 0 <= float(table[0]["copied"]) <= 1


@pytest.mark.parametrize("width", [20, 40, 100])
def test_a_terminal_gets_the_columns_that_it_has_room_for(
    width: int, best: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm-256color")
    shown = printed(capsys, [best], diff=True)
    assert "\x1b[" in shown and "nats a symbol: < 1" in STYLE.sub("", shown).replace("\n", " ")
    lines = STYLE.sub("", shown).splitlines()
    assert max(map(cell_len, lines)) <= width
    assert lines[0].startswith(f"{best[:8]}: ")
    beside = max(len(re.findall(r"\bstep \d+", line)) for line in lines[1:])
    assert beside == {20: 1, 40: 1, 100: 3}[width]
    monkeypatch.setenv("NO_COLOR", "1")
    plain = printed(capsys, [best], diff=True)
    assert not re.search(r"\x1b\[[\d;]*3\d", plain)  # bold heads at most
    assert "{+" in plain and "+}" in plain and "nats a symbol" not in plain


def test_any_alphabet_is_shown_and_none_obeyed(
    sweep: Sweep, best: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = compare_sweep(sweep).runs[0].folder
    assert folder is not None
    before = folder.samples.read_bytes()
    try:
        append(folder.samples, 20, ["恐龙\n霸王龙", "\x1b[31m\u202e[red]", "👩\u200d🚀e\u0301"])
        for width in ("25", "80"):
            monkeypatch.setenv("FORCE_COLOR", "1")
            monkeypatch.setenv("COLUMNS", width)
            lines = STYLE.sub("", printed(capsys, [best], 20)).splitlines()
            assert max(map(cell_len, lines)) <= int(width)
            told = [line.strip() for line in lines]
            assert "恐龙" in told and "霸王龙" in told and "👩\u200d🚀e\u0301" in told
            assert r"\x1b[31m\u202e[red]" in told
        monkeypatch.delenv("FORCE_COLOR")
        assert "\t恐龙\\n霸王龙\t" in printed(capsys, [best], 20)
    finally:
        folder.samples.write_bytes(before)


def test_the_command_and_its_wrong_inputs(sweep: Sweep, best: str) -> None:
    def rnnx(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "rnnx", "samples", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=120, env=dict(os.environ)
        )

    done = rnnx(best, "--step", "6", "--under", best, "-n", "1")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2
    wrong = rnnx(best, "--step", "7")
    assert wrong.returncode == 2
    assert wrong.stderr.strip() == (
        "rnnx: --step 7: no run drew samples then; choose from 1, 6, 12"
    )
