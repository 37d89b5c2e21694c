"""Going on with a run that was stopped, killed, or is to be longer: bit for bit as if it never was.

The newest checkpoint that is whole decides where; what the run had told its tracker after that
step it computes again and does not tell twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import OmegaConf

from rnnx.config.compose import check
from rnnx.config.identity import config_hash, flat_params
from rnnx.config.overrides import parse
from rnnx.errors import CheckpointError, ConfigError
from rnnx.runs import checkpoint as checkpoints
from rnnx.runs.checkpoint import Checkpoint
from rnnx.runs.folder import RunFolder, runs_in
from rnnx.runs.lock import RunLock, is_busy
from rnnx.runs.outbox import Outbox
from rnnx.runs.stored_config import begun_as, stored_config
from rnnx.runs.tracking import Tracking
from rnnx.system.signals import Stop
from rnnx.training import snapshot
from rnnx.training.loop import Hopeless
from rnnx.training.progress import Progress
from rnnx.training.report import Report
from rnnx.training.run import Run, begin, go_on, in_words
from rnnx.training.session import Session
from rnnx.training.tags import run_params

# What may change when a run goes on: nothing that decided a step already made.
FREE = ("steps", "patience", "checkpoint.every", "checkpoint.keep")


def resume(
    folder: RunFolder,
    report: Report,
    overrides: Sequence[str] = (),
    more: Mapping[str, Any] | None = None,
    is_hopeless: Hopeless | None = None,
) -> Run:
    """Go on with the run of ``folder``, to its own or to other ``steps``.

    ``more`` joins run.json; its ``own_tags`` join the run's tags.
    """
    with Stop() as stop, in_words(folder), RunLock(folder):
        found = _newest(folder, report, overrides)
        session, progress, config = found.session, found.progress, found.config
        if folder.is_new:
            _name(folder, session)
        tracker, run_id = session.components.tracker, folder.id
        folder.clear()
        folder.take_best_back()
        tracking = Tracking(lambda: tracker.reopen(run_id), folder, report.warning)
        if found.first:  # killed before the tracker had them all, perhaps
            tracking.params(run_params(session) | flat_params(found.first))
        own = config_hash(config)
        was = folder.read().get("reason")
        tracking.tags(
            {"rnnx.config_hash": own, "rnnx.steps": str(config["steps"])}
            | ({"reason": ""} if was else {})
            | (more or {}).get("own_tags", {})
        )
        folder.write({**(more or {}), "status": "RUNNING", "reason": "", "config_hash": own})
        folder.write_config(config)
        report.note(f"run {folder.id[:8]} goes on after step {session.steps}")
        return go_on(session, tracking, folder, report, stop, progress, is_hopeless)


def _name(folder: RunFolder, session: Session) -> None:
    """Name the folder after its run in the tracker; one that was not begun is begun."""
    run_id = begun_as(folder, session.components.tracker)
    if run_id:
        folder.begin(run_id)
    else:
        begin(session, folder)


class _Found(NamedTuple):
    """Where a run goes on."""

    session: Session
    progress: Progress
    config: dict[str, Any]
    first: dict[str, Any]  # what the run began with, if it goes on from its start


def _newest(folder: RunFolder, report: Report, overrides: Sequence[str]) -> _Found:
    """The newest checkpoint that is whole, else the run's start.

    A checkpoint that is damaged, or does not fit itself, is told and passed over.
    """
    files = folder.checkpoint_files()
    for path in files:
        try:
            checkpoint = checkpoints.read(path)
            settings, components = checkpoints.chosen(checkpoint)
            config = _changed(checkpoint.config, overrides)
            _refuse_finished(folder, checkpoint, config)
            room = checkpoints.room(checkpoint, settings.layers, components.cell.hidden_size)
            session = Session(config, room=room)
            progress = snapshot.restore(session, checkpoint)
        except CheckpointError as error:
            report.warning(f"{error}; trying the one before it")
            continue
        if path == folder.best and progress.best_step != session.steps:
            continue  # of the run's end: a longer run would not have drawn its last samples
        return _Found(session, progress, config, {})
    if files:
        report.warning("no checkpoint is whole: the run begins again from its start")
    first = stored_config(folder)
    config = _changed(first, overrides)
    return _Found(Session(config), Progress(), config, first)


def unfinished(outputs: str, config: Mapping[str, Any]) -> RunFolder | None:
    """The newest run of the same configuration that nobody works on and that did not finish."""
    wanted = config_hash(config)
    for folder in runs_in(Path(outputs)):
        known = folder.read()
        same = known.get("config_hash") == wanted and known.get("status") != "FINISHED"
        if same and not is_busy(folder):
            return folder
    return None


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


def _refuse_finished(folder: RunFolder, checkpoint: Checkpoint, config: Mapping[str, Any]) -> None:
    done, steps = checkpoint.metadata["step"], int(config["steps"])
    if steps < done:
        raise ConfigError(f"steps={steps}: the run has made {done} steps; give at least {done}")
    if folder.read().get("status") != "FINISHED":
        return
    with Outbox(folder.path) as outbox:
        run, left = f"run {folder.id[:12]}", outbox.count()
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
