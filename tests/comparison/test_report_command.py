"""The report: one page with everything, which loads nothing."""

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from test_comparison_page import ATTRIBUTES, TAGS, Reader

from rnnx.comparison.bands import distributions, draw_bands
from rnnx.comparison.compare import compare_sweep, rank_runs
from rnnx.comparison.provenance import command_of
from rnnx.comparison.report import report
from rnnx.comparison.runs import ComparedRun
from rnnx.contracts.trackers import Point
from rnnx.runs.folder import RunFolder
from rnnx.runs.sweep_folder import Sweep

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG = base64.b64encode(SIGNATURE).decode()[:6]


def rnnx(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rnnx", "report", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, env=dict(os.environ)
    )


def test_the_report_of_a_sweep_has_everything_inside(sweep: Sweep, tmp_path: Path) -> None:
    page = tmp_path / "a b.html"
    done = rnnx(sweep.id, "--output", str(page))
    assert (done.returncode, done.stdout) == (0, f"wrote {page}\n"), done.stderr
    text = page.read_text("utf-8")
    reader = Reader(text)
    addresses = [value or "" for key, value in reader.attributes if key in ("src", "href")]
    assert addresses and all(a.startswith(f"data:image/png;base64,{PNG}") for a in addresses)
    assert {*reader.tags} <= TAGS and "default-src 'none'" in text
    shown = " ".join(reader.texts)
    best = compare_sweep(sweep).runs[0]
    assert f"The best run: {best.name}" in shown
    assert "rnnx train -m " in shown and "cell=vanilla,gru seed=0,1" in shown
    assert best.made_of["data_sha256"] in shown and best.made_of["split_sha256"] in shown
    facts = dict(re.findall(r"<tr><th>(.*?)</th><td>(.*?)</td></tr>", text))
    assert facts["rnnx"] == "0.1.0" and facts["cell.hidden_size"] == "8"
    assert re.fullmatch(r"3\.\d+\.\d+", facts["Python"]) and "NumPy" in facts
    assert "<tr><th>run</th><th>cell.name</th>" in text  # settings that differ
    assert "cell.name" not in facts and "gone.txt" in shown


def test_the_report_of_a_run_has_the_command_that_trains_it(sweep: Sweep) -> None:
    best = compare_sweep(sweep).runs[0]
    text = report(rank_runs([best], "one", "best/val_loss"))
    assert f"<title>run {best.run_id[:8]}: {best.name}</title>" in text
    shown = " ".join(Reader(text).texts)
    (command,) = re.findall(r"rnnx train .*", shown)
    overrides = command.split()[2:]
    assert overrides[-2:] == best.name.split() and "cell.hidden_size=8" in overrides
    assert not any(text.startswith(("cell=vanilla,gru", "jobs=")) for text in overrides)
    assert "Settings that differ" not in shown and "Loss and gradient norm" in shown


def test_the_command_of_a_job_has_no_words_of_the_sweep(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path / "sweeps" / "abc")
    sweep.path.mkdir(parents=True)
    words = ["zip(seed=0,1, layers=1,2)", "when(cell=gru, seed=3)", "sample(2, seed=0)"]
    recipe = ["sweep=cells", "sweep.replicates=2", "hydra.sweeper.pruner=asha"]
    sweep.write({"overrides": ["steps=9", *words, *recipe], "swept": ["seed", "layers"]})
    folder = RunFolder(tmp_path / ("a" * 32))
    folder.path.mkdir()
    folder.write({"sweep": "abc", "overrides": ["seed=0"], "command": ["steps=9", "seed=0"]})
    assert command_of(folder) == "rnnx train steps=9 seed=0"


def test_nothing_of_a_report_becomes_markup(
    tmp_path: Path, run: Callable[..., ComparedRun]
) -> None:
    odd = "</pre><script>alert(1)</script>&amp;\x1b"
    runs = []
    for place in (0, 1):
        folder = RunFolder(tmp_path / f"{place}{'a' * 31}")
        folder.path.mkdir()
        params = {odd: odd, "b": str(place)}
        fields = {"id": folder.id, "name": odd, "versions": {odd: odd}, "overrides": [odd]}
        folder.write({**fields, "told": {"params": params}, "data_sha256": odd})
        points = [[f"{odd.strip(chr(27))}/q{q}", q, step, 0] for q in (10, 90) for step in (1, 2)]
        folder.metrics.write_text("".join(json.dumps(p) + "\n" for p in points), "utf-8")
        runs.append(run(f"a={place}", 1.0 + place)._replace(folder=folder))
    (images := runs[0].folder.path / "images" / "<b>").mkdir(parents=True)
    (images / "step_000007.png").write_bytes(SIGNATURE)
    secret = tmp_path / "secret.png"
    secret.write_bytes(SIGNATURE + b"secret")
    (images.with_name("link")).mkdir()
    (images.with_name("link") / "step_000007.png").symlink_to(secret)
    (images.with_name("text")).mkdir()
    (images.with_name("text") / "step_000007.png").write_bytes(b"no image")
    reader = Reader(text := report(rank_runs(runs, odd, "best/val_loss")))
    assert {*reader.tags} <= TAGS and {key for key, _ in reader.attributes} <= ATTRIBUTES
    captions = [value for key, value in reader.attributes if key == "alt" and "step 7" in value]
    assert captions == ["<b>, step 7"]  # a link's file is the user's own, and text is no image
    assert "quantiles by step" in text
    assert reader.texts.count(odd.replace("\x1b", "\ufffd")) >= 4


def test_where_a_report_cannot_be_written_one_line_says_so(sweep: Sweep, tmp_path: Path) -> None:
    done = rnnx(sweep.id, "-o", str(tmp_path / "no" / "such" / "folder.html"))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "--output" in done.stderr


def points(key: str, values: list[float]) -> list[Point]:
    return [Point(key, value, step, 0) for step, value in enumerate(values)]


def test_distributions_are_the_metrics_that_end_in_quantiles() -> None:
    values = {"d/a/q10": [1.0, 2.0], "d/a/q50": [2.0, float("nan")], "d/b/q50": [1.0]}
    history = {key: points(key, own) for key, own in {**values, "q10": [1.0]}.items()}
    assert distributions(history) == {"d/a": {10: {0: 1.0, 1: 2.0}, 50: {0: 2.0}}}
    assert draw_bands(history) is not None
    assert draw_bands({key: own[:1] for key, own in history.items()}) is None
    assert draw_bands({}) is None
