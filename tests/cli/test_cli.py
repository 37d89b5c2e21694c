"""The commands as a user types them: real processes, and wrong input mostly in this one."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_here import exit_code
from tiny import tiny


def rnnx(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rnnx", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | environment,
    )


Here = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def here(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """A function that runs a command in this process, which has imported everything."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        code = exit_code(monkeypatch, *arguments)
        return subprocess.CompletedProcess(arguments, code, *capfd.readouterr())

    return run


def imported(*arguments: str) -> set[str]:
    """The top-level packages that a command imports."""
    code = (
        "import sys; from rnnx.cli.main import main\n"
        f"sys.argv = ['rnnx', *{list(arguments)!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('\\n' + ' '.join({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split("\n")[-2].split())


def one_line(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    lines = done.stderr.strip().split("\n")
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("rnnx: ")
    for part in parts:
        assert part in lines[0]
    assert "Traceback" not in done.stderr


def test_help_imports_neither_mlflow_nor_hydra() -> None:
    assert not imported("--help") & {"mlflow", "hydra", "numpy", "rich"}


def test_train_help_imports_no_mlflow() -> None:
    assert not imported("train", "--help") & {"mlflow", "matplotlib", "pandas"}


def test_version() -> None:
    assert rnnx("--version").stdout.strip() == "rnnx, version 0.1.0"


def test_a_run_and_what_can_be_done_with_it(names: Path, here: Here) -> None:
    done = rnnx("train", *tiny(names))
    assert done.returncode == 0, done.stderr
    assert "held-out loss" in done.stdout
    assert "step 6:" in done.stdout
    assert "\x1b" not in done.stdout
    assert "rnnx ui" not in done.stdout  # tracker=none has none
    assert "rnnx sample" in done.stdout

    sampled = rnnx("sample", "last", "--count", "3", "--prompt", "ar", "--seed", "5")
    assert sampled.returncode == 0, sampled.stderr
    lines = sampled.stdout.split("\n")[:-1]
    assert len(lines) == 3
    assert all(line.startswith("ar") for line in lines)
    assert here("sample", "last", "--count", "3", "--prompt", "ar", "--seed", "5").stdout == (
        sampled.stdout
    )

    listed = here("runs", "tracker=none")
    assert "FINISHED" in listed.stdout
    run_id = listed.stdout.split("\t")[0]
    away = here("runs", "tracker=mlflow", "tracker.uri=http://127.0.0.1:9")
    assert (away.returncode, away.stdout) == (0, listed.stdout)
    assert away.stderr.count("\n") == 1 and "listed are the runs with folders here" in away.stderr
    assert "nats a character" in here("evaluate", run_id).stdout
    other = here("evaluate", run_id, "dataset=lines", f"dataset.path={names}")
    assert "all of the data" in other.stdout
    names.with_name("new=é.txt").write_text("arbo\nbocis\n", encoding="utf-8")
    again = here("evaluate", run_id, "dataset.path=new=é.txt", "dataset.val_fraction=0")
    assert "all of the data, 11 symbols" in again.stdout, again.stderr
    one_line(here("evaluate", run_id, "cell=gru"), "cell=gru", "dataset=")
    greedy = here("sample", run_id, "--sampler", "greedy", "--temperature", "1")
    one_line(greedy, "sampler.temperature", "it has none")
    one_line(here("sample", run_id, "--prompt", "QQ"), "prompt: Q not in the model's vocabulary")
    one_line(here("sample", run_id, "--sampler", "nope"), "sampler=nope", "choose from")
    one_line(here("sample", run_id, "--temperature", "-1"), "sampler.temperature=-1")


def test_nothing_but_outputs_is_left_in_the_folder(names: Path) -> None:
    before = {p.name for p in Path.cwd().iterdir()}
    rnnx("train", *tiny(names))
    assert {p.name for p in Path.cwd().iterdir()} - before <= {"outputs", "cache"}


def test_the_last_line_opens_the_store_that_was_used(names: Path) -> None:
    more = ["tracker=mlflow", "tracker.uri=sqlite:///a b.db", "outputs=there"]
    last = rnnx("train", *tiny(names, *more)).stdout.splitlines()[-1]
    assert last.startswith("rnnx ui 'tracker.uri=sqlite:///a b.db'   opens")
    assert f"rnnx sample {next(Path('there').iterdir())}" in last


def test_text_that_the_terminal_cannot_show_ends_no_run(names: Path) -> None:
    names.write_text("恐龙\n龙恐\n霸王龙\n" * 9, encoding="utf-8")
    done = rnnx("train", *tiny(names), PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "step 6: ?" in done.stdout


def test_a_reader_that_goes_away_ends_no_run(names: Path) -> None:
    command = [sys.executable, "-m", "rnnx", "train", *tiny(names)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read().decode()
    assert process.returncode == 0
    assert said == "rnnx: nobody reads the output any more; training goes on\n"
    found = json.loads(next(Path("outputs").glob("*/run.json")).read_text())
    assert found["status"] == "FINISHED"


BAD = [
    (["train", "cell=nope"], ["cell=nope", "choose from"]),
    (["train", "cell.hidden_size=abc"], ["cell.hidden_size=abc"]),
    (["train", "dataset=lines"], ["dataset.path"]),
    (["train", "dataset=lines", "dataset.path=missing.txt"], ["missing.txt"]),
    (["train", "dataset=text", "dataset.path=."], ["folder"]),
    (["train", "--nope"], ["--nope"]),
    (["sample", "no-such-run"], ["no-such-run", "rnnx runs"]),
    (["evaluate", "no-such-run"], ["no-such-run"]),
    (["ui", "no-such-run"], ["no-such-run", "rnnx runs"]),
    (["ui", "--port", "6000"], ["--port 6000", "browsers refuse"]),
    (["ui", "last", "tracker=none"], ["last", "rnnx train"]),
    (["compare", "last", "--json", "--csv"], ["--json and --csv", "choose one"]),
    (["compare", ""], ["''", "names no run", "rnnx runs"]),
    (["nope"], ["No such command"]),
    (["train", "tracker.uri=nope://x", "steps=1"], ["nope://x"]),
    (["train", "tracker.experiment="], ["tracker.experiment", "a name"]),
    (["train", "cell=lstm,gru"], ["cell=lstm,gru", "-m"]),
    (["train", "checkpoint=3"], ["checkpoint", "keys of its own"]),
    (["train", "hydra.run.dir=/proc/x", "steps=1", "tracker=none"], ["hydra.run.dir", "/proc/x"]),
    (["train", "--config-dir", "/no/such"], ["--config-dir", "/no/such"]),
    (["runs", "-n", "0"], ["--limit"]),
    (["ui", "--port", "99999999"], ["--port"]),
    (["ui", "tracker=none"], ["no UI"]),
    (["train", "patience=3", "eval_every=0"], ["patience=3", "eval_every"]),
    (["train", "cell.weights.input=null"], ["cell.weights.input=None", "orthogonal"]),
    (["train", "head.weights.bias=[a]"], ["head.weights.bias", "zeros"]),
    (["train", "dataset=lines", "dataset.path=恐龙.txt"], ["恐龙.txt: there is no such file"]),
    (["train", "seed=[1"], ["seed=[1: must be a whole number"]),
    (["train", "seed=恐,1"], ["key=value", "quote"]),
    (["train", "dataset=" + "a" * 9000], ["dataset=aaa", "…"]),
]


@pytest.mark.parametrize(("arguments", "parts"), BAD[::7], ids=" ".join)
def test_bad_input_is_one_line(arguments: list[str], parts: list[str]) -> None:
    one_line(rnnx(*arguments), *parts)


@pytest.mark.parametrize(("arguments", "parts"), BAD, ids=" ".join)
def test_bad_input_of_every_kind_is_one_line(
    arguments: list[str], parts: list[str], here: Here
) -> None:
    one_line(here(*arguments), *parts)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "empty"),
        (b"\xff\xfe\x00bad", "missing.txt"),
        (b"a\x00b\n" * 20, "binary"),
        (b"caf\xe9\nbar\n" * 9, "UTF-8"),
        (b"aaaa\naa\n", "one"),
        (b"ab\ncd\n", "batch_size"),
    ],
)
def test_a_bad_file_is_one_line(content: bytes, part: str, here: Here) -> None:
    path = Path("missing.txt")
    path.write_bytes(content)
    one_line(here("train", "dataset=lines", f"dataset.path={path}", "tracker=none"), part)


def test_a_pipe_is_no_text() -> None:
    os.mkfifo("pipe")
    one_line(rnnx("train", "dataset=text", "dataset.path=pipe"), "no regular file")


def test_what_does_not_fit_into_memory_is_one_line() -> None:
    done = rnnx("train", "cell.hidden_size=1000000000", "tracker=none")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "do not fit into memory" in done.stderr


def test_a_folder_of_ones_own_recipes(names: Path) -> None:
    recipe = Path("own/experiment/mine.yaml")
    recipe.parent.mkdir(parents=True)
    recipe.write_text("# @package _global_\nsteps: 3\n", "utf-8")
    done = rnnx("train", "--config-dir", "own", *tiny(names)[:5], "experiment=mine", "--cfg", "job")
    assert done.returncode == 0, done.stderr
    assert (
        "steps: 3" in rnnx("train", "--config-dir", "own", "experiment=mine", "--cfg", "job").stdout
    )
    ran = rnnx("train", "--config-dir", "own", "experiment=mine", "tracker=none", "baseline=never")
    assert "step 3/3" in ran.stdout, ran.stderr


def test_debug_shows_the_traceback() -> None:
    for arguments in (["train", "cell=nope", "--debug"], ["--debug", "train", "cell=nope"]):
        done = rnnx(*arguments)
        assert "Traceback" in done.stderr
    assert "Traceback" in rnnx("train", "cell=nope", RNNX_DEBUG="1").stderr


WILD = [
    "cell=vanilla",
    "cell.activation=relu",
    "clipper=none",
    "optimizer=sgd",
    "optimizer.learning_rate=1e9",
]


def test_a_diverging_run_is_failed_with_its_reason(names: Path) -> None:
    done = rnnx(
        "train", *tiny(names, "cell=vanilla", "cell.activation=relu", "optimizer=sgd", *WILD)
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "step" in done.stderr
    found = json.loads(next(Path("outputs").glob("*/run.json")).read_text())
    assert found["status"] == "FAILED"
    assert "step" in found["reason"]


def test_plugins_lists_owners() -> None:
    found = json.loads(rnnx("plugins", "--json").stdout)
    lstm = next(c for c in found["components"] if (c["kind"], c["name"]) == ("cell", "lstm"))
    assert lstm["distribution"] == "rnnx"
    assert found["failures"] == []
    assert rnnx("plugins", "--strict").returncode == 0
