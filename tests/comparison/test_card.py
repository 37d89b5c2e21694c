"""A model card: the Hub's form in front, and nothing in it that the run does not tell."""

import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from rnnx.comparison.card import card
from rnnx.comparison.compare import compare_sweep
from rnnx.comparison.runs import ComparedRun
from rnnx.errors import ConfigError, RunNotFound
from rnnx.runs.samples_file import append
from rnnx.runs.sweep_folder import Sweep
from rnnx.system.markdown import code, fenced


@pytest.fixture
def best(sweep: Sweep) -> ComparedRun:
    return compare_sweep(sweep).runs[0]


def parts(text: str) -> tuple[dict[str, Any], str]:
    empty, front, body = text.split("---\n", 2)
    assert empty == ""
    return yaml.safe_load(front), body


def test_the_front_matter_has_the_form_of_the_hub(best: ComparedRun) -> None:
    front, _ = parts(card(best.run_id, "cc-by-4.0", ["me/names"]))
    assert list(front) == [
        *("license", "library_name", "pipeline_tag", "tags", "datasets", "metrics", "model-index")
    ]
    assert (front["license"], front["datasets"]) == ("cc-by-4.0", ["me/names"])
    (entry,) = front["model-index"]
    (result,) = entry["results"]
    assert result["task"]["type"] == front["pipeline_tag"] == "text-generation"
    assert {"type", "name", "split", "revision"} == result["dataset"].keys()
    assert result["dataset"]["revision"] == best.made_of["split_sha256"]
    values = {metric["type"]: metric["value"] for metric in result["metrics"]}
    loss = best.metrics["best/val_loss"]
    expected = {
        "loss": loss,
        "bits_per_character": loss / math.log(2),
        "perplexity": math.exp(loss),
    }
    assert values == pytest.approx(expected, abs=1e-4)


def test_the_hub_s_own_library_reads_it(best: ComparedRun, tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    path = tmp_path / "README.md"
    path.write_text(card(best.run_id, "mit"), "utf-8")
    data = hub.ModelCard.load(path).data
    assert {result.metric_type for result in data.eval_results} >= {"loss", "perplexity"}
    assert (data.license, data.library_name) == ("mit", "rnnx")


def test_every_section_is_the_run_s(best: ComparedRun) -> None:
    front, body = parts(card(best.run_id))
    assert "license" not in front and front["datasets"] == ["names.txt"]
    sections = re.findall(r"^## (.*)$", body, re.MULTILINE)
    told = ["How to use it", "How it was trained", "Data", "Results", "Samples", "Limits"]
    assert sections == [*told, "Environment"]
    assert best.made_of["data_sha256"] in body and best.run_id in body
    assert f"{best.metrics['best/val_loss']:.4f} nats a character" in body
    # The author's own folders stay at home; the rest of the command is whole.
    assert str(Path.cwd()) not in body and "outputs" not in body and "tracker" not in body
    (command,) = re.findall(r"^rnnx train (.*)$", body, re.MULTILINE)
    assert "dataset.path=names.txt" in command and command.endswith(best.name)


def test_the_commands_of_the_card_work(best: ComparedRun, tmp_path: Path) -> None:
    assert best.folder is not None
    (tmp_path / "best.safetensors").write_bytes(best.folder.best.read_bytes())
    body = parts(card(best.run_id))[1]
    (python,) = re.findall(r"```python\n(.*?)```", body, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", python], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (shell,) = re.findall(r"^rnnx (sample .*)$", body, re.MULTILINE)
    command = [sys.executable, "-m", "rnnx", *shell.split()]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 5


def test_a_sample_is_shown_to_the_letter(best: ComparedRun) -> None:
    assert best.folder is not None
    before = best.folder.samples.read_bytes()
    try:
        append(best.folder.samples, int(best.metrics["best/step"]), ["---\n```\n<script>\x1b", "|"])
        assert "````text\n---\n```\n<script>\\x1b\n````" in card(best.run_id)
    finally:
        best.folder.samples.write_bytes(before)
    assert code("a`b") == "``a`b``" and code("`") == "`` ` ``" and code("a\nb") == "`a\\nb`"
    assert fenced("x", "text").splitlines() == ["```text", "x", "```"]


def test_names_that_the_hub_does_not_take_are_refused(best: ComparedRun) -> None:
    with pytest.raises(ConfigError, match="--license M I: is no identifier"):
        card(best.run_id, "M I")
    with pytest.raises(ConfigError, match="--dataset a b: is no name on the Hub"):
        card(best.run_id, None, ["a b"])


def test_a_sweep_is_no_run(sweep: Sweep) -> None:
    with pytest.raises(RunNotFound, match=f"{sweep.id}: is a sweep; name one of its runs"):
        card(sweep.id)


def test_the_command_prints_or_writes(best: ComparedRun, tmp_path: Path) -> None:
    def rnnx(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "rnnx", "card", best.run_id, *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=120, env=dict(os.environ)
        )

    printed, file = rnnx(), tmp_path / "README.md"
    assert printed.returncode == 0 and printed.stdout.startswith("---\n"), printed.stderr
    assert rnnx("-o", str(file)).stdout == f"wrote {file}\n"
    assert file.read_text("utf-8") == printed.stdout
