"""Going on with a run that was stopped, killed, or is to be longer: bit for bit as if it never was.

The newest checkpoint that is whole decides where; what the run had told its tracker after that
step it computes again and does not tell twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from rnnx import checkpoint as checkpoints
from rnnx.checkpoint import Checkpoint
from rnnx.compose import check
from rnnx.errors import CheckpointError, ConfigError
from rnnx.identity import config_hash, flat_params, run_params
from rnnx.metadata import plain_config
from rnnx.overrides import parse
from rnnx.progress import Progress
from rnnx.report import Report
from rnnx.run import FOLDER_TAG, Run, begin, go_on, in_words
from rnnx.runfolder import RunFolder, runs_in
from rnnx.runlock import RunLock, is_busy
from rnnx.signals import Stop
from rnnx.spool import Spool
from rnnx.tracking import Tracking
from rnnx.training import Session

# What may change when a run goes on: nothing that decided a step already made.
FREE = ("steps", "patience", "checkpoint.every", "checkpoint.keep")


def resume(folder: RunFolder, report: Report, overrides: Sequence[str] = ()) -> Run:
    """Go on with the run of ``folder``, to its own or to other ``steps``."""
    with Stop() as stop, in_words(folder), RunLock(folder):
        checkpoint = newest(folder, report)
        before = checkpoint.config if checkpoint else stored_config(folder)
        config = _changed(before, overrides)
        _refuse_finished(folder, checkpoint, config)
        session, progress = Session(config), Progress()
        if checkpoint:
            progress = checkpoints.restore(session, checkpoint)
        if folder.is_new:
            _name(folder, session)
        tracker, run_id = session.components.tracker, folder.id
        folder.clear()
        folder.take_best_back()
        tracking = Tracking(lambda: tracker.reopen(run_id), folder, report.warning)
        if not checkpoint:  # killed before the tracker had them all, perhaps
            tracking.params(run_params(session) | flat_params(before))
        own = config_hash(config)
        was = folder.read().get("reason")
        tracking.tags(
            {"rnnx.config_hash": own, "rnnx.steps": str(config["steps"])}
            | ({"reason": ""} if was else {})
        )
        folder.write({"status": "RUNNING", "reason": "", "config_hash": own})
        folder.write_config(config)
        report.note(f"run {folder.id[:8]} goes on after step {session.steps}")
        return go_on(session, tracking, folder, report, stop, progress)


def _name(folder: RunFolder, session: Session) -> None:
    """Name the folder after its run in the tracker; one that was not begun is begun."""
    tracker = session.components.tracker
    begun = (run.id for run in tracker.runs(1000) if run.tags.get(FOLDER_TAG) == folder.id)
    run_id = str(folder.read().get("id") or next(begun, ""))
    if run_id:
        folder.begin(run_id)
    else:
        begin(session, folder)


def unfinished(outputs: str, config: Mapping[str, Any]) -> RunFolder | None:
    """The newest run of the same configuration that nobody works on and that did not finish."""
    wanted = config_hash(config)
    for folder in runs_in(Path(outputs)):
        known = folder.read()
        same = known.get("config_hash") == wanted and known.get("status") != "FINISHED"
        if same and not is_busy(folder):
            return folder
    return None


def newest(folder: RunFolder, report: Report) -> Checkpoint | None:
    """The newest checkpoint that is whole; a damaged one is told and passed over."""
    for path in folder.checkpoint_files():
        try:
            return checkpoints.read(path)
        except CheckpointError as error:
            report.warning(f"{error}; trying the one before it")
    return None


def stored_config(folder: RunFolder) -> dict[str, Any]:
    """The configuration that a run began with."""
    try:
        stored = OmegaConf.to_container(OmegaConf.load(folder.config), resolve=False)
    except Exception as error:  # YAML's, OmegaConf's and the system's own kinds
        cause = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{folder.config}: cannot be read ({cause})") from None
    return plain_config(stored, str(folder.config))


def _changed(config: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """The configuration with the few values that may change, its ranges checked."""
    made = OmegaConf.create(dict(config))
    for override in parse(overrides):
        key = override.key_or_group
        if key not in FREE or override.is_sweep_override():
            raise ConfigError(
                f"{override.input_line}: a run goes on with what it began with; only "
                f"{', '.join(FREE)} may change"
            )
        OmegaConf.update(made, key, override.value(), merge=True)
    return check(made)


def _refuse_finished(
    folder: RunFolder, checkpoint: Checkpoint | None, config: Mapping[str, Any]
) -> None:
    done = checkpoint.metadata["step"] if checkpoint else 0
    steps = int(config["steps"])
    if steps < done:
        raise ConfigError(f"steps={steps}: the run has made {done} steps; give at least {done}")
    if checkpoint is None or folder.read().get("status") != "FINISHED":
        return
    run, left = f"run {folder.id[:12]}", Spool(folder.path).count()
    unsent = f"; its tracker lacks {left} points and files: rnnx sync {folder.handle}"
    try:
        over = Progress.from_state(checkpoint.metadata["progress"])
    except (KeyError, TypeError, ValueError):
        return  # restoring it says what is wrong
    if steps == done:
        raise ConfigError(
            f"{run}: it has finished its {done} steps; give a larger number, as "
            f"rnnx resume {folder.handle} steps={2 * done}{unsent if left else ''}"
        )
    if over.is_over(done, int(config["patience"])):
        raise ConfigError(
            f"{run}: it has finished after {over.worse} evaluations without a better held-out "
            f"loss; give a larger patience, or 0 for none{unsent if left else ''}"
        )
