"""docs/howto/predict.md as a reader follows it: each file written, each program and command run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
PAGE = Path(__file__).resolve().parents[2] / "docs/howto/predict.md"
FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run(*words: str) -> str:
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=os.environ | {"MLFLOW_TRACKING_URI": "", "PYTHONUTF8": "1"},
    )
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def test_every_command_of_the_page_works(tmp_path: Path) -> None:
    said: dict[str, str] = {}
    rnnx = f"{sys.executable} -m rnnx"
    for language, title, text in FENCE.findall(PAGE.read_text("utf-8")):
        if title:
            (tmp_path / title).write_text(text, "utf-8")
        elif language == "python":
            said["python"] = run(sys.executable, "-c", text)
        elif language == "sh":
            for line in text.splitlines():
                place = re.sub(r"(^|\| )rnnx ", rf"\1{rnnx} ", line)
                own = " tracker=none" if " train " in line else ""
                said[line] = run("bash", "-c", f"set -o pipefail; {place}{own}")
    assert said["rnnx predict last new.txt"].startswith("a superb film\tgood\t")
    tags = said['echo "the dog saw cats" | rnnx predict last -'].split("\n")
    assert [line.split("\t")[:2] for line in tags[:4]] == [
        ["the", "DET"],
        ["dog", "NOUN"],
        ["saw", "VERB"],
        ["cats", "NOUN"],
    ]
    head, *rows = said["rnnx predict last today.csv --csv"].splitlines()
    assert head == "sequence,step,temperature"
    assert len(rows) == 50
    assert all(5 < float(row.split(",")[2]) < 25 for row in rows)
    assert len(said["rnnx predict last new.npy"].splitlines()) == 3
    assert "accuracy" in said["python"]
