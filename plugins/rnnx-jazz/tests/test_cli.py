"""``rnnx-jazz`` as a person uses it."""

import subprocess
import sys
from pathlib import Path

import mido
import pytest

from rnnx.training.run import Run

JAZZ = [sys.executable, "-c", "from rnnx_jazz.cli import main; main()"]


def jazz(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*JAZZ, *arguments], capture_output=True, text=True, check=False)


def test_improvise_and_inspect(run: Run) -> None:
    where = str(run.folder.path)
    files = ["solo.mid", "solo.musicxml", "solo.wav", "solo.png", "solo.txt"]
    outs = [part for name in files for part in ("--out", name)]
    done = jazz("improvise", where, "--chords", "Dm7 | G7 | Cmaj7 | %", "--bars", "8", *outs)
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == files
    told = [line.split("\t") for line in Path("solo.txt").read_text("utf-8").splitlines()]
    seen = {}
    for name in ("solo.mid", "solo.musicxml"):
        found = jazz("inspect", name)
        assert found.returncode == 0, found.stderr
        seen[name] = [line.split("\t") for line in found.stdout.splitlines() if "\t" in line]
        assert [line[:2] for line in seen[name]] == [line[:2] for line in told]
    assert seen["solo.mid"] == seen["solo.musicxml"]
    again = jazz("improvise", where, "--chords", "Dm7 | G7 | Cmaj7 | %", "--bars", "8")
    assert again.returncode == 0
    other = Path("other.mid")
    jazz("improvise", where, "--chords", "Dm7|G7|Cmaj7|%", "--bars", "8", "--out", str(other))
    assert other.read_bytes() == Path("solo.mid").read_bytes()


def test_measure(run: Run) -> None:
    done = jazz("measure", str(run.folder.path), "--solos", "2", "--bars", "4")
    assert done.returncode == 0, done.stderr
    *table, losses, kept = done.stdout.splitlines()
    rows = {line.split()[0]: line.split() for line in table[1:]}
    assert {name for name, row in rows.items() if len(row) > 4} == {
        *("strong_chord_tones", "unresolved", "motifs", "ends_on_chord_tone", "breaths")
    }
    assert rows["ends_on_chord_tone"][1:] == ["1.000", "1.000", "1.000", "≥", "1", "met"]
    assert all(0 <= float(value) <= 1 for row in rows.values() for value in row[1:4])
    found = run.metrics
    for name, key in (("network", "loss"), ("best n-gram", "best_ngram"), ("bigram", "bigram")):
        assert f"{name} {found[f'music/held_out/all/{key}']:.3f}" in losses
    assert kept == (
        "written as tokens and read again, a tune keeps 100% of its intervals and 100% of its "
        "motifs at least"
    )


def test_swing_and_accents_can_be_left_out(run: Run) -> None:
    chart = ("improvise", str(run.folder.path), "--chords", "C7 | F7", "--out")
    jazz(*chart, "on.mid")
    jazz(*chart, "off.mid", "--swing", "0.5", "--no-accents")
    found = [mido.MidiFile(name) for name in ("on.mid", "off.mid")]
    loud = [{m.velocity for m in f.tracks[1] if m.type == "note_on"} for f in found]
    assert len(loud[0]) > 2 and len(loud[1]) == 1
    assert [any(m.type == "text" for m in f.tracks[0]) for f in found] == [True, False]


def test_what_is_no_chord_symbol_is_said(run: Run) -> None:
    Path("a.abc").write_text('X:1\nM:4/4\nL:1/4\nK:C\n"C"c4|"H7"c4|\n', "utf-8")
    done = jazz("improvise", str(run.folder.path), "--chart", "a.abc")
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1 and "bar 2: 'H7': is no chord symbol" in done.stderr


def test_a_chart_from_a_file(run: Run) -> None:
    text = 'X:1\nT:Waltz\nM:3/4\nL:1/4\nK:C\nG|"C"c2 e|"Am"a2 e|"D7"^f2 d|"G7"g3|]\n'
    Path("waltz.abc").write_text(text, "utf-8")
    done = jazz("improvise", str(run.folder.path), "--chart", "waltz.abc", "--out", "w.txt")
    assert done.returncode == 0, done.stderr
    lines = [line.split("\t") for line in Path("w.txt").read_text("utf-8").splitlines()]
    assert [line[1] for line in lines] == ["C", "C", "Am", "D7", "G7"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["improvise", "nope"], "no such run"),
        (["improvise", "last", "--chords", "H"], "'H': is no chord symbol"),
        (["improvise", "last", "--out", "a.ogg"], "must end with one of"),
        (["improvise", "last", "--out", "no/where.mid"], "there is no folder no"),
        (["improvise", "last", "--temperature", "0"], "must be above 0"),
        (["improvise", "last", "--chords", "C", "--chart", "x.abc"], "give one of the two"),
        (["improvise", "last", "--bars", "-1"], "must be 0 … 1000"),
        (["improvise", "last", "--swing", "0.9"], "must be 0.5 … 0.75"),
        (["improvise", "last", "--memory", "1"], "must be at least 0 and below 1"),
        (["measure", "nope"], "no such run"),
        (["measure", "last", "--temperature", "0"], "must be above 0"),
        (["improvise", "last", "--metre", "waltz"], "is no metre"),
        (["inspect", "nope.mid"], "there is no such file"),
        (["inspect"], "Missing argument"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], said: str) -> None:
    done = jazz(*arguments)
    assert done.returncode == 2
    assert said in done.stderr and done.stderr.startswith("rnnx-jazz: ")
    assert len(done.stderr.splitlines()) == 1
    assert not list(Path.cwd().glob("*.mid"))


def test_what_was_there_survives_a_mistake(run: Run) -> None:
    Path("solo.mid").write_bytes(b"mine")
    assert jazz("improvise", str(run.folder.path), "--chords", "C | H").returncode == 2
    assert Path("solo.mid").read_bytes() == b"mine"


def test_inspect_names_the_tunes_of_a_file() -> None:
    two = 'X:1\nT:A\nK:C\n"C"C4|\nX:2\nT:B\nM:4/4\nK:G\n"G7"GABc|\n'
    Path("two.abc").write_text(two, "utf-8")
    done = jazz("inspect", "two.abc", "--tune", "2")
    assert done.returncode == 0
    assert done.stdout.startswith("2 tunes: 1 A, 2 B\ntune 2: B")


def test_a_chart_of_a_file_without_notes_is_one_line() -> None:
    file = mido.MidiFile()
    file.tracks.append(mido.MidiTrack())
    file.save("silent.mid")
    done = jazz("improvise", "last", "--chart", "silent.mid")
    assert done.returncode == 2 and "there are no chords" in done.stderr
    assert len(done.stderr.splitlines()) == 1
