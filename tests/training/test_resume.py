"""A run that is stopped anywhere and resumed equals one that never stopped, bit for bit."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from configurations import covering_configurations
from run_equality import assert_same_checkpoint, assert_same_run
from third_party import EVERY_KIND
from tiny import tiny

from rnnx.cli.hydra_app import run_or_resume
from rnnx.cli.models import sample
from rnnx.comparison.provenance import provenance
from rnnx.config.compose import compose
from rnnx.config.identity import group_of
from rnnx.errors import ConfigError, DataError, MissingCode, RunBusy, StorageError
from rnnx.models.load import find_model
from rnnx.registry.manager import plugins
from rnnx.runs import checkpoint as checkpoints
from rnnx.runs.folder import RunFolder, runs_in
from rnnx.runs.lock import RunLock
from rnnx.runs.registration import told
from rnnx.training.report import Silent
from rnnx.training.resume import resume
from rnnx.training.run import Run, train
from rnnx.training.session import Session

DENSE = ["steps=30", "log_every=3", "eval_every=5", "sample_every=8", "checkpoint.every=7"]


class At(Silent):
    """Does something once, when the metrics of a step are reported."""

    def __init__(self, step: int, do: Callable[[RunFolder], object]) -> None:
        self.step, self.do, self.done = step, do, False
        self.lines: list[str] = []

    def start(self, session: Session, folder: RunFolder) -> None:
        self.folder = folder
        self.progress(session, 0)

    def progress(self, session: Session, tokens_per_s: float) -> None:
        if session.steps >= self.step and not self.done:
            self.done = True
            self.do(self.folder)

    def note(self, line: str) -> None:
        self.lines.append(line)

    def warning(self, line: str) -> None:
        self.lines.append(line)


class Everywhere(Silent):
    """Copies the run's folder at each report: what a kill at that moment would leave."""

    def __init__(self) -> None:
        self.copies: list[RunFolder] = []

    def start(self, session: Session, folder: RunFolder) -> None:
        self.folder = folder
        self._copy()

    def progress(self, session: Session, tokens_per_s: float) -> None:
        self._copy()

    def samples(self, session: Session, texts: Sequence[str]) -> None:
        self._copy()

    def evaluated(self, session: Session, loss: float) -> None:
        self._copy()

    def _copy(self) -> None:
        left = Path(f"killed{len(self.copies)}") / self.folder.id
        # Without what the thread that sends is just writing: it has another name a moment later.
        shutil.copytree(self.folder.path, left, ignore=shutil.ignore_patterns(".*.tmp"))
        self.copies.append(RunFolder(left))


def train_run(overrides: list[str], report: Silent | None = None) -> Run:
    return train(compose(overrides), report or Silent(), overrides)


def stop(folder: RunFolder) -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_a_stopped_run_resumes_as_if_it_never_stopped(tmp_path: Path) -> None:
    for place, some in enumerate(covering_configurations(tmp_path)):
        dtype = ("float32", "float64")[place // 2 % 2]  # each with one and with two layers
        config = compose([*some, *DENSE, f"dtype={dtype}", "probe=gradient_norms"])
        whole, halted = train(config, Silent()), train(config, At(6 + 3 * (place % 7), stop))
        assert halted.exit_code == 130
        assert halted.folder.read()["status"] == "KILLED"
        ended = resume(halted.folder, Silent())
        assert ended.run_id == halted.run_id
        assert_same_run(ended.folder, whole.folder)


def test_killed_at_any_report_of_a_run(names: Path) -> None:
    everywhere = Everywhere()
    more = ["probe=gradient_norms", "layers=2", "dropout=0.3", "averaging=0.9"]
    whole = train_run(tiny(names, *DENSE, *more), everywhere)
    assert len(everywhere.copies) > 20
    for left in everywhere.copies[::4]:
        assert_same_run(resume(left, Silent()).folder, whole.folder)


def test_a_longer_run_keeps_what_the_shorter_one_had(names: Path) -> None:
    overrides = tiny(names, *DENSE)
    longer = train_run([*overrides, "steps=60"])
    short = train_run(overrides)
    before = short.folder.metrics.read_text()
    ended = resume(short.folder, Silent(), ["steps=60"])
    for name in ("last", "best"):
        one, two = (checkpoints.read(getattr(r.folder, name)) for r in (ended, longer))
        assert all(t.tobytes() == two.tensors[k].tobytes() for k, t in one.tensors.items()), name
    assert_same_checkpoint(ended.folder.best, longer.folder.best)
    # Its own points stay, those of its end as well: they stand at step 30.
    assert ended.folder.metrics.read_text().startswith(before)
    assert (ended.folder.path / "samples.csv").read_bytes() == (
        longer.folder.path / "samples.csv"
    ).read_bytes()


def test_a_finished_run_is_not_resumed(names: Path) -> None:
    run = train_run(tiny(names))
    kept = run.folder.best.read_bytes()
    with pytest.raises(ConfigError, match=r"has finished its 12 steps.*steps=24"):
        resume(run.folder, Silent())
    with pytest.raises(ConfigError, match="at least 12"):
        resume(run.folder, Silent(), ["steps=5"])
    with pytest.raises(ConfigError, match="may change"):
        resume(run.folder, Silent(), ["batch_size=5"])
    assert run.folder.best.read_bytes() == kept
    assert run.folder.read()["status"] == "FINISHED"


def test_killed_in_its_end_a_run_with_patience_ends_where_it_ended(
    names: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = ["steps=400", "eval_every=2", "patience=3", "optimizer.learning_rate=0.5", "log_every=1"]
    measure, everywhere = Session.evaluate_train, Everywhere()
    in_the_end: list[RunFolder] = []

    def copy_and_measure(session: Session) -> float:  # which the end begins with
        everywhere.start(session, everywhere.folder)
        in_the_end.append(everywhere.copies[-1])
        return measure(session)

    monkeypatch.setattr(Session, "evaluate_train", copy_and_measure)
    whole = train_run(tiny(names, *more), everywhere)
    killed = in_the_end[0]
    assert killed.read()["status"] == "RUNNING"
    assert_same_run(resume(killed, Silent()).folder, whole.folder)
    with pytest.raises(ConfigError, match="patience"):
        resume(whole.folder, Silent())


def test_resume_auto(names: Path) -> None:
    overrides = tiny(names, *DENSE, "resume=auto")
    halted = run_or_resume(compose(overrides), At(9, stop), overrides)
    other = run_or_resume(compose([*overrides, "seed=1"]), Silent(), overrides)
    assert other.run_id != halted.run_id  # nothing of that configuration to go on with
    again = run_or_resume(compose(overrides), Silent(), overrides)
    assert again.run_id == halted.run_id
    anew = run_or_resume(compose(overrides), Silent(), overrides)
    assert anew.run_id not in (halted.run_id, other.run_id)
    assert_same_run(again.folder, anew.folder)


@pytest.mark.usefixtures("default_store")
@pytest.mark.parametrize("named", [False, True])
def test_killed_before_the_folder_was_named(
    named: bool, names: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    overrides = tiny(names, "tracker=mlflow", "resume=auto")

    class Killed(BaseException):
        """As if by SIGKILL: nothing of the run's own handles it."""

    def die(folder: RunFolder, run_id: str) -> None:
        if named:
            folder.write({"id": run_id})
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(RunFolder, "begin", die)
        train_run(overrides)
    (left,) = runs_in(Path("outputs"))
    assert left.is_new
    ended = run_or_resume(compose(overrides), Silent(), overrides)
    client = MlflowClient(f"sqlite:///{Path.cwd() / 'mlflow.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name("rnnx").experiment_id])
    assert (run.info.run_id, run.info.status) == (ended.run_id, "FINISHED")
    assert [folder.id for folder in runs_in(Path("outputs"))] == [ended.run_id]


def test_two_at_once(names: Path) -> None:
    run = train_run(tiny(names))
    with RunLock(run.folder), pytest.raises(RunBusy, match=f"process {os.getpid()} on "):
        resume(run.folder, Silent(), ["steps=20"])
    assert resume(run.folder, Silent(), ["steps=20"]).exit_code == 0


def test_files_that_killed_processes_left_half_written_are_deleted(names: Path) -> None:
    halted = train_run(tiny(names, *DENSE), At(9, stop)).folder
    left = [halted.path / ".run.json.7.tmp", halted.checkpoints / ".last.safetensors.7.tmp"]
    for path in left:
        path.write_bytes(b"half")
    resume(halted, Silent())
    assert not any(path.exists() for path in left)


def test_a_damaged_checkpoint_is_passed_over(names: Path) -> None:
    overrides = tiny(names, *DENSE, "checkpoint.keep=3")
    whole, halted = train_run(overrides), train_run(overrides, At(24, stop)).folder
    newest, older, *_ = halted.checkpoint_files()
    newest.write_bytes(newest.read_bytes()[:-7])
    report = At(10**9, stop)
    assert_same_run(resume(halted, report).folder, whole.folder)
    assert any("trying the one before it" in line for line in report.lines)
    assert f"goes on after step {int(older.stem[5:])}" in " ".join(report.lines)


@pytest.mark.parametrize(
    "left", ["", "st", "step,te", 'step,final,text\r\n1,false,"half of', "step,final,text\r\n"]
)
def test_a_torn_table_of_samples(left: str, names: Path) -> None:
    overrides = tiny(names, *DENSE)
    whole, first = train_run(overrides), Everywhere()
    train_run(overrides, first)
    killed = first.copies[0]
    killed.samples.write_text(left, newline="")
    assert_same_run(resume(killed, Silent()).folder, whole.folder)


def test_a_deleted_folder_ends_the_run_in_one_line(names: Path) -> None:
    gone = At(9, lambda folder: shutil.rmtree(folder.path))
    with pytest.raises(StorageError, match="folder is gone"):
        train_run(tiny(names, *DENSE), gone)
    assert list(Path("outputs").iterdir()) == []


def test_what_a_run_says_of_itself_is_whole_after_it_is_resumed(names: Path) -> None:
    overrides = tiny(names, *DENSE)
    halted = train_run(overrides, At(27, stop)).folder
    assert "SIGINT" in halted.read()["reason"]
    ended = resume(halted, Silent()).folder.read()
    assert ended["reason"] == ""
    assert {"val/loss", "train/loss", "final/val_loss"} <= ended["metrics"].keys()
    assert json.loads((halted.path / "run.json").read_text())["status"] == "FINISHED"


def test_a_longer_run_tells_its_own_steps_and_patience(names: Path) -> None:
    folder = train_run(tiny(names, "steps=2", "patience=0"), Silent()).folder
    before = folder.read()["told"]
    resume(folder, Silent(), ["steps=4", "patience=7"])
    now = folder.read()["told"]
    changed = {"steps": "4", "patience": "7"}
    assert now == {**before, "params": {**before["params"], **changed}}
    assert told(folder).params == now["params"]  # what another store is sent
    assert provenance(folder).settings.items() >= changed.items()  # what a report shows
    fields = folder.read()
    del fields["told"]  # as an earlier rnnx
    (folder.path / "run.json").write_text(json.dumps(fields))
    resume(folder, Silent(), ["steps=5"])
    assert told(folder).params["steps"] == "5"


def test_changed_data_is_refused_and_resume_auto_trains_anew(names: Path) -> None:
    command = tiny(names, "resume=auto")
    left = run_or_resume(compose(command), At(4, stop), command)
    with names.open("a") as file:
        file.write("ada\n")
    with pytest.raises(DataError, match="the data has changed since the run was trained"):
        resume(left.folder, Silent())
    other = run_or_resume(compose(command), Silent(), command)
    assert other.status == "FINISHED" and other.run_id != left.run_id


def edit(module: Path, info: Path) -> None:
    module.write_text(module.read_text().replace("np.tanh(", "0.5 * np.tanh("))


def upgrade(module: Path, info: Path) -> None:
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.1\n")


@pytest.mark.parametrize(
    ("change", "told"),
    [(edit, "the source of acme 1.0 has changed"), (upgrade, "acme was 1.0, it is 1.1 now")],
)
def test_other_code_is_named_where_a_run_goes_on_and_where_it_is_used(
    change: Callable[[Path, Path], None],
    told: str,
    names: Path,
    install: Callable[..., EntryPoint],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    install(EVERY_KIND)
    command = tiny(names, "cell=plain", "cell.hidden_size=4")
    left = train_run(command, At(8, stop))
    assert find_model("last").changed_code == ""
    before = left.folder.read()
    change(tmp_path / "acme_module.py", tmp_path / "acme-1.0.dist-info")
    plugins.cache_clear()
    sys.modules.pop("acme_module")
    assert told in find_model("last").changed_code
    sample("last", 1, "", None, [], None, 0)
    assert told in capsys.readouterr().err
    report = At(99, stop)
    resume(left.folder, report)
    assert any(told in line for line in report.lines)
    after = left.folder.read()
    assert group_of(after) not in (group_of(before), "")
    report = At(99, stop)
    resume(left.folder, report, ["steps=16"])
    assert not any(told in line for line in report.lines)
    assert group_of(left.folder.read()) not in (group_of(before), "")


def test_a_plugin_that_is_gone_is_named_at_once(
    names: Path, install: Callable[..., EntryPoint], tmp_path: Path
) -> None:
    install(EVERY_KIND)
    left = train_run(tiny(names, "cell=plain", "cell.hidden_size=4"), At(8, stop))
    (tmp_path / "acme-1.0.dist-info" / "entry_points.txt").unlink()
    plugins.cache_clear()
    report = At(99, stop)
    told = r"cell=plain.*written with acme 1\.0 \(not loaded here\)"
    with pytest.raises(MissingCode, match=told):
        resume(left.folder, report)
    assert not report.lines
