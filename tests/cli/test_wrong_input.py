"""Every command with every kind of wrong input: one line, its cause, what to do, exit code 2.

The commands run in this process, which is quick; tests/cli/test_cli.py starts real ones.
"""

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny import tiny

import rnnx
from rnnx.cli.main import main
from rnnx.config.compose import compose
from rnnx.errors import ConfigError

NEXT_STEP = re.compile(
    r"choose|must (be|name|have)|give |say |name |add |train |install|try |correct|begin |"
    r"list them|rnnx runs|did you mean|quotes|one of|Missing|keys of its own|has no values|convert|"
    r"such|Invalid|does not exist|is a directory|restore|at least|unexpected|use only|takes|"
    r"may change|search in|of the form"
)
ENCODINGS = ("utf-8", "ascii", "latin-1")  # of terminals


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """A function that runs a command line: its exit code, stdout and stderr."""

    def run(encoding: str, *arguments: str) -> tuple[int, str, str]:
        streams = [io.TextIOWrapper(io.BytesIO(), encoding) for _ in range(2)]
        monkeypatch.setattr(sys, "argv", ["rnnx", *arguments])
        monkeypatch.setattr(sys, "stdout", streams[0])
        monkeypatch.setattr(sys, "stderr", streams[1])
        code: object = 0
        try:
            main()
        except SystemExit as error:
            code = error.code
        texts = []
        for stream in streams:
            stream.flush()
            texts.append(stream.buffer.getvalue().decode(encoding))  # type: ignore[attr-defined]
        return int(str(code or 0)), texts[0], texts[1]

    return run


@pytest.fixture
def run_folder(names: Path) -> Path:
    """A run that was trained, and files to do wrong things with."""
    path = rnnx.train(tiny(names, "steps=1")).folder.path
    Path("empty.txt").write_text("")
    Path("odd.txt").write_bytes(b"a\x00b")
    Path("file").write_text("no folder")
    Path("damaged").mkdir()
    (Path("damaged") / "last.safetensors").write_bytes(b"none")
    for group, name, text in (
        ("experiment", "unpacked", "steps: 2\n"),
        ("experiment", "swept", f"{GLOBAL}hydra: {{sweeper: {{params: {{seed: '0,1'}}}}}}\n"),
        ("experiment", "mode", f"{GLOBAL}hydra: {{mode: MULTIRUN}}\n"),
        ("sweep", "listed", f"{GLOBAL}hydra: {{sweeper: {{params: {{seed: [0, 1]}}}}}}\n"),
    ):
        file = Path("recipes") / group / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    Path("broken/experiment").mkdir(parents=True)
    Path("broken/experiment/broken.yaml").write_text(f"{GLOBAL}steps: [\n")
    return path


GLOBAL = "# @package _global_\n"
OWN = ["--config-dir", "recipes"]
OPTUNA = ["train", "-m", "hydra/sweeper=optuna"]
WRONG = [
    *([command, "nobody"] for command in ("resume", "sync", "sample", "evaluate", "compare")),
    *([command, ""] for command in ("resume", "sync", "sample", "evaluate", "compare")),
    *([command, "~nobody1234"] for command in ("resume", "sample", "evaluate", "compare")),
    *([command, "empty.txt"] for command in ("sample", "evaluate", "resume", "sync")),
    *([command, "damaged"] for command in ("sample", "evaluate", "resume")),
    *([command] for command in ("resume", "sync", "sample", "evaluate", "compare", "check")),
    *([command, "--nope"] for command in ("train", "sample", "compare", "runs", "ui", "plugins")),
    ["nothing"],
    ["sample", "RUN", "--count", "-1"],
    ["sample", "RUN", "--count", "x"],
    ["sample", "RUN", "--length", "0"],
    ["sample", "RUN", "--temperature", "-1"],
    ["sample", "RUN", "--sampler", "nobody"],
    ["sample", "RUN", "--set", "nothing=1"],
    ["sample", "RUN", "--set", "nothing"],
    ["sample", "RUN", "--prompt", "恐龙"],
    ["sample", "RUN", "--seed", "-1"],
    ["evaluate", "RUN", "dataset=lines", "dataset.path=nowhere.txt"],
    ["evaluate", "RUN", "dataset=lines", "dataset.path=empty.txt"],
    ["evaluate", "RUN", "cell=nobody"],
    ["evaluate", "RUN", "eval_tokens=-1"],
    ["evaluate", "RUN", "--ngram", "1.5"],
    ["sample", "RUN", "--ngram", "half"],
    ["resume", "RUN", "steps=abc"],
    ["resume", "RUN", "nothing=1"],
    ["compare", "RUN", "--metric", "nothing/there"],
    ["compare", "RUN", "--html", "file/page.html"],
    ["runs", "--limit", "0"],
    ["runs", "nothing=1"],
    ["ui", "tracker=none"],
    ["ui", "tracker=nobody"],
    ["ui", "--port", "0"],
    ["describe", "cell", "nobody"],
    ["describe", "nothing", "lstm"],
    ["check", "cell", "nobody"],
    ["check", "nothing", "lstm"],
    ["new-plugin", "file"],
    ["new-plugin", "nö pe"],
    ["train", "cell=nobody"],
    ["train", "nothing=1"],
    ["train", "cell.nothing=1"],
    ["train", "cell"],
    ["train", "=1"],
    ["train", "+cell.more=1"],
    ["train", "~cell"],
    ["train", "seed=abc"],
    ["train", "seed=-1"],
    ["train", "seed=null"],
    ["train", "steps=1.5"],
    ["train", "batch_size=0"],
    ["train", "dropout=1"],
    ["train", "dropout=nan"],
    ["train", "threads=100000", "steps=1", "tracker=none"],
    ["train", "dtype=float16"],
    ["train", "backend=cuda"],
    ["train", "cell=null"],
    ["train", "cell=[lstm]"],
    ["train", "cell.weights.input=nobody"],
    ["train", "probe=[nobody]"],
    ["train", "experiment=nobody"],
    ["train", "sweep=seeds"],
    ["train", "seed=0,1"],
    ["train", "dataset=lines"],
    ["train", "dataset=lines", "dataset.path=nowhere.txt"],
    ["train", "dataset=lines", "dataset.path=empty.txt"],
    ["train", "dataset=lines", "dataset.path=odd.txt"],
    ["train", "dataset=lines", "dataset.path=."],
    ["train", "outputs=file/below", "tracker=none", "steps=1"],
    ["train", "tracker.uri=sqlite:///file", "steps=1"],
    ["train", "tracker.uri=sqlite:///nowhere/below/x.db", "steps=1"],
    ["train", "tracker.uri=nothing", "steps=1"],
    ["train", f"tracker.experiment={'x' * 257}"],
    ["train", "--config-dir", "nowhere"],
    ["train", *OWN, "experiment=unpacked"],
    ["train", *OWN, "experiment=swept"],
    ["train", *OWN, "experiment=mode", "tracker=none", "steps=1"],
    ["train", "--config-dir", "broken", "experiment=broken"],
    ["train", *OWN, "-m", "sweep=listed"],
    ["train", "--cfg", "job", "cell=nobody"],
    ["train", "--cfg", "nothing"],
    ["train", "hydra.mode=MULTIRUN", "tracker=none", "steps=1"],
    ["train", "hydra/launcher=nobody"],
    ["train", "hydra/sweeper=nobody", "-m", "seed=0,1"],
    ["train", "-m"],
    ["train", "-m", "seed=0"],
    ["train", "-m", "cell=lstm,nobody"],
    ["train", "-m", "seed=0,abc"],
    ["train", "-m", "seed=range(0,1,0)"],
    ["train", "-m", "seed=range(3,1)"],
    ["train", "-m", "seed=interval(0,1)"],
    ["train", "-m", "sweep=nobody"],
    ["train", "-m", "zipp(cell=lstm,gru, layers=1,2)"],
    ["train", "-m", "zip(cell=lstm,gru, layers=1)"],
    ["train", "-m", "cell=lstm,gru", "when(cell=ltsm, layers=1,2)"],
    ["train", "-m", "csv(nowhere.csv)"],
    ["train", "-m", "seed=0,1", "sweep.replicates=2"],
    ["train", "seed=0", "sample(2)"],
    [*OPTUNA, "seed=range(0,3)", "sample(2)"],
    ["train", "-m", "seed=0,1", "hydra.sweeper.max_batch_size=0"],
    ["train", "-m", "seed=0,1", "+hydra.sweeper.nothing=1"],
    [*OPTUNA, "seed=range(0,3)", "hydra.sweeper.n_trials=ten"],
    [*OPTUNA, "seed=range(0,3)", "hydra.sweeper.n_trials=null"],
    [*OPTUNA, "seed=range(0,3)", "hydra.sweeper.seed=abc"],
    [*OPTUNA, "seed=range(0,3)", "hydra.sweeper.seed=-1"],
    [*OPTUNA, "seed=range(0,3)", "hydra.sweeper.sampler=nobody"],
    [*OPTUNA, "seed=range(0,3)", "hydra.sweeper.pruner=nobody"],
    [*OPTUNA, "seed=range(0,3)", "+hydra.sweeper.direction=maximize"],
    [*OPTUNA, "seed=range(8,8)"],
    [*OPTUNA, "seed=range(8,20,-4)"],
    [*OPTUNA, "cell=glob(*)"],
    [*OPTUNA, "dropout=interval(1,0)"],
]


@pytest.mark.slow
def test_wrong_input_is_one_line(
    command: Callable[..., tuple[int, str, str]], run_folder: Path
) -> None:
    wrong = []
    for place, arguments in enumerate(WRONG):
        encoding = ENCODINGS[place % len(ENCODINGS)]
        given = [str(run_folder) if word == "RUN" else word for word in arguments]
        code, out, err = command(encoding, *given)
        lines = err.strip().splitlines()
        is_well = code == 2 and len(lines) == 1 and lines[0].startswith("rnnx: ")
        if not (is_well and "Traceback" not in out + err and NEXT_STEP.search(lines[0])):
            wrong.append(f"{' '.join(arguments)[:80]} → {code}: {err[-300:]!r}")
    assert not wrong, "\n".join(wrong)


def test_a_field_without_a_default_can_be_set(install: Callable[..., object]) -> None:
    install("""
        from dataclasses import dataclass
        import rnnx

        @dataclass(frozen=True)
        class Fixed:
            \"\"\"A constant rate.\"\"\"
            level: float

            def factor(self, step: int) -> float:
                return self.level

        @rnnx.hookimpl
        def register_schedules(register):
            register("fixed", Fixed)
    """)
    assert compose(["schedule=fixed", "schedule.level=0.5"])["schedule"]["level"] == 0.5
    with pytest.raises(ConfigError, match=r"level: is not set; give schedule\.level="):
        compose(["schedule=fixed"])


def test_a_sweep_in_an_ascii_terminal_has_results(
    command: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")  # of the processes of the jobs
    names = tmp_path / "names.txt"
    names.write_text("añb\nbé🦖\nçxa\n" * 9, "utf-8")
    code, out, err = command("ascii", "train", "-m", *tiny(names, "steps=1"), "seed=0,1")
    assert code == 0, err
    assert out.count("FINISHED") == 4  # a line as it ends, and a row of the table
    (log,) = Path("outputs").glob("sweeps/*/jobs/0.log")
    assert "·" in log.read_text("utf-8")
