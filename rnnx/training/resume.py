"""Resume a run that was stopped, killed, or is to be longer, bit for bit.

The run continues from its newest checkpoint that can be read. What it had logged after that step
is recomputed and not logged twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from omegaconf import OmegaConf

from rnnx.config.identity import changed_code, continued, flat_params, group_of
from rnnx.config.interpolations import literals
from rnnx.config.overrides import Overrides, parse
from rnnx.config.plain import plain
from rnnx.config.resolved import ResolvedConfig
from rnnx.errors import CheckpointError, ConfigError, MissingCode, StoreError
from rnnx.models.stored_network import network_of, refuse_other_network
from rnnx.runs import checkpoint as checkpoints
from rnnx.runs.checkpoint import Checkpoint
from rnnx.runs.folder import RunFolder
from rnnx.runs.lock import RunLock, is_busy
from rnnx.runs.outbox import Outbox
from rnnx.runs.paths import refuse_links
from rnnx.runs.registration import attach, is_same_tracker, new_entry_note, tracker_for
from rnnx.runs.retention import clean_up
from rnnx.runs.steering import REQUESTS
from rnnx.runs.stored_config import stored_config, tracker_run_of
from rnnx.runs.tracking import Tracking
from rnnx.system.signals import Stop
from rnnx.training import snapshot
from rnnx.training.earlier_runs import earlier_runs
from rnnx.training.loop import PruningRule
from rnnx.training.progress import Progress
from rnnx.training.report import Report
from rnnx.training.run import Run, begin, run_loop, storage_errors
from rnnx.training.session import Session
from rnnx.training.tags import run_params

# Settings that a resumed run may change: none of them decided a step already made.
CHANGEABLE = ("steps", "patience", "checkpoint.every", "checkpoint.keep")


def resume(
    folder: RunFolder,
    report: Report,
    overrides: Sequence[str] | Overrides = (),
    more: Mapping[str, Any] | None = None,
    should_prune: PruningRule | None = None,
    tracker: Mapping[str, Any] | None = None,
) -> Run:
    """Resume the run of ``folder``, to its own or to other ``steps``.

    ``more`` joins run.json; its ``own_tags`` join the run's tags. With another ``tracker`` than the
    run's own, its store gets the run whole.
    """
    refuse_links(folder.path)
    with Stop() as stop, storage_errors(folder), RunLock(folder):
        found = _restored(folder, report, parse(overrides), tracker_for(folder, tracker))
        session, progress, config = found.session, found.progress, found.config
        if folder.is_new:
            _name(folder, session)
        tags = (more or {}).get("own_tags", {})
        entry, own_tracker = _entry(folder, config, tags, report), session.components.tracker
        clean_up(folder)
        folder.write({"sent": False})  # before the tracker takes it for RUNNING
        reopen = partial(own_tracker.reopen, entry)
        with Tracking(reopen, folder, report.warning, own_tracker, REQUESTS) as tracking:
            tracking.remove(folder.traceback)  # of the failure that this run goes on after
            tracking.withdraw_checkpoints()
            if found.first:  # it may have been killed before the tracker had all parameters
                tracking.params(run_params(session) | flat_params(found.first))
            own = continued(folder.read(), session.identity)
            tracking.tags(
                {"rnnx.config_hash": own["config_hash"], "rnnx.seedless_hash": group_of(own)}
                | {"rnnx.steps": str(config["steps"]), "reason": ""}
                | tags
            )
            folder.write({**(more or {}), **_begun_again(folder, config), **own})
            folder.write_config(config)
            report.note(f"run {folder.id[:8]} goes on after step {session.steps}")
            return run_loop(session, tracking, folder, report, stop, progress, should_prune)


def _begun_again(folder: RunFolder, config: Mapping[str, Any]) -> dict[str, Any]:
    """What run.json says of a run that goes on, and what a store is told that gets it whole.

    The store that has it keeps the first parameters.
    """
    told = dict(folder.read().get("told", {}))
    if "params" in told:  # an earlier rnnx kept none
        flat = flat_params(config)
        told["params"] = {**told["params"], **{key: flat[key] for key in CHANGEABLE if key in flat}}
    return {"status": "RUNNING", "reason": "", "told": told}


def _name(folder: RunFolder, session: Session) -> None:
    """Name the folder after its run in the tracker; one that was not begun is begun."""
    run_id = tracker_run_of(folder, session.components.tracker)
    if run_id:
        folder.begin(run_id)
    else:
        begin(session, folder)


def _entry(
    folder: RunFolder, config: Mapping[str, Any], tags: Mapping[str, str], report: Report
) -> str:
    """The id of the run's entry in its store, which gets one where it has none."""
    try:
        with Outbox(folder.path) as outbox:
            attached = attach(folder, config["tracker"], outbox, tags)
    except StoreError:
        if not is_same_tracker(tracker_for(folder), config["tracker"]):
            raise  # a store that the run has never been in
        return folder.entry  # the run goes on without its store, and warns of that
    if attached.is_new:
        report.note(new_entry_note(folder, attached.entry))
    return attached.entry


class _Found(NamedTuple):
    """A session put where the run continues."""

    session: Session
    progress: Progress
    config: dict[str, Any]
    first: dict[str, Any]  # the configuration that the run began with, if it begins again


def _restored(
    folder: RunFolder, report: Report, overrides: Overrides, tracker: Mapping[str, Any] | None
) -> _Found:
    """From the newest checkpoint that can be read, else from the run's start.

    A damaged checkpoint, or one that contradicts itself, is reported and passed over.
    """
    files = folder.checkpoint_files()
    for path in files:
        try:
            checkpoint = checkpoints.read(path)
            network, dtype = network_of(checkpoint)
            config = _changed(checkpoint.config, overrides, tracker)
            _refuse_finished(folder, checkpoint, config)
            refuse_other_network(network, checkpoint, dtype)
            session = Session(config)
            progress = snapshot.restore(session, checkpoint)
        except MissingCode:
            raise
        except CheckpointError as error:
            report.warning(f"{error}; trying the one before it")
            continue
        if path == folder.best and progress.best_step != session.steps:
            continue  # written after the final samples, which a longer run does not draw
        if changed := changed_code(checkpoint.metadata, session.identity):
            report.warning(f"{changed} since the checkpoint; the run is no longer that of one code")
        return _Found(session, progress, config, {})
    if files:
        report.warning("no checkpoint is whole: the run begins again from its start")
    first = stored_config(folder)
    config = _changed(first, overrides, tracker)
    return _Found(Session(config), Progress(), config, first)


def unfinished(outputs: str, config: Mapping[str, Any]) -> RunFolder | None:
    """The newest unfinished run that would compute the same and that no process works on."""
    for folder in earlier_runs(outputs, config).runs:
        if folder.read().get("status") != "FINISHED" and not is_busy(folder):
            return folder
    return None


def _changed(
    config: Mapping[str, Any], overrides: Overrides, tracker: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The configuration with the few values that may change, its ranges checked."""
    made = OmegaConf.create(literals({**config, "tracker": tracker} if tracker else config))
    for override in overrides:
        key = override.key_or_group
        if key not in CHANGEABLE or override.is_sweep_override():
            raise ConfigError(
                f"{override.input_line}: a resumed run keeps its configuration; only "
                f"{', '.join(CHANGEABLE)} may change"
            )
        OmegaConf.update(made, key, override.value(), merge=True)
    return ResolvedConfig.of(plain(made)).values


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
        return  # restore() reports what is wrong
    if steps == done:
        raise ConfigError(
            f"{run}: it has finished its {done} steps; give a larger number, as "
            f"rnnx resume {folder.handle} steps={2 * done}{unsent if left else ''}"
        )
    if over.is_over(done, int(config["patience"])):
        raise ConfigError(
            f"{run}: it has finished after {over.without_improvement} evaluations without a better "
            f"held-out loss; give a larger patience, or 0 for none{unsent if left else ''}"
        )
