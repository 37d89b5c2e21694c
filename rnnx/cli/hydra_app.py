"""``rnnx train``: Hydra's application around a run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from omegaconf import DictConfig

from rnnx.cli.composed_app import run_composed
from rnnx.config.components import component_from
from rnnx.config.compose import compose, prepare_hydra, resolve_for_hydra
from rnnx.config.hydra_plugins import find_hydra_plugins
from rnnx.config.overrides import Overrides, parse, parse_job, shown, spelled, task_overrides
from rnnx.config.plain import plain
from rnnx.config.recipes import MAIN, conf_folder
from rnnx.config.settings import Resume
from rnnx.contracts.views import ViewTracker
from rnnx.errors import ConfigError, RnnxError, StorageError
from rnnx.registry.manager import plugins
from rnnx.runs.sweep_folder import Sweep
from rnnx.sweeps.words import separate
from rnnx.system.environment import environment
from rnnx.system.files import expanded
from rnnx.system.secrets import name_servers, taken
from rnnx.system.text import printable, replace_unprintable
from rnnx.training.report import Report, for_terminal
from rnnx.training.resume import resume, unfinished
from rnnx.training.run import Run, train
from rnnx.training.sizing import Sizing


def main(
    overrides: Sequence[str],
    multirun: bool = False,
    look: Sequence[str] = (),
    dry_run: bool = False,
    opened: Callable[[Sweep], None] = lambda sweep: None,
) -> int:
    """Check every override, then let Hydra run the job or the sweep; the exit code.

    ``look`` are flags of Hydra that show a configuration and train nothing. ``dry_run``: list the
    jobs of a sweep and train nothing. ``opened`` is told a sweep's folder before its jobs start.
    """
    for failure in [*plugins().failures, *find_hydra_plugins()]:
        print(f"rnnx: {printable(str(failure))}", file=sys.stderr)
    overrides, words = separate(overrides)
    if words and not multirun:
        raise ConfigError(f"{words[0][1]}: says what a sweep tries; add -m")
    if dry_run and not multirun:
        raise ConfigError("--dry-run: lists the jobs of a sweep; add -m")
    if look:
        if not multirun:
            compose(overrides)  # a wrong override in rnnx's words
        # Flags go first: Hydra's parser refuses one that stands between overrides.
        return _hydra([*look, *(["--multirun"] if multirun else []), *spelled(overrides, multirun)])
    parsed = parse(overrides, several=multirun)
    _tell_of_passwords()
    if multirun:
        from rnnx.sweeps.driver import drive  # takes time that a single run need not wait

        return drive(parsed, words, lambda texts: _hydra(["--multirun", *texts]), dry_run, opened)
    made, config = resolve_for_hydra(parsed)  # a wrong override is one line, before anything starts
    Sizing().sized(made.values, parsed.keys)
    _refuse_recipe_of_several(parsed)
    if config.hydra.mode is not None:  # which a user may give
        return _hydra(parsed.texts)
    return _run(_Task(), lambda task: run_composed(task, config))


def _tell_of_passwords() -> None:
    for address in taken():
        print(
            f"rnnx: the password for {address} is kept nowhere; later commands take it from "
            "MLFLOW_TRACKING_URI, set to the whole address",
            file=sys.stderr,
        )


def _refuse_recipe_of_several(parsed: Overrides) -> None:
    """ConfigError where a recipe sweeps, and the command is of a single run."""
    if "sweep" in parsed.keys:
        text = next(o.input_line for o in parsed if o.key_or_group == "sweep")
        raise ConfigError(f"{text}: is a set of values to sweep; add -m")
    if "experiment" in parsed.keys:
        from rnnx.sweeps.grid import parse_sweep

        command = parse_sweep(parsed)
        if keys := ", ".join(command.swept or map(str, command.of_recipe)):
            raise ConfigError(
                f"the recipe gives several values to {keys}; add -m to train them all"
            )


def job(config: DictConfig) -> int:
    """Run one job: a single run, or a run of a sweep; the exit code."""
    from hydra.core.hydra_config import HydraConfig

    replace_unprintable()  # a launcher's process has streams of its own
    hydra = HydraConfig.get()
    values = plain(config)  # the session checks them
    values = Sizing().sized(values, parse_job(task_overrides(hydra)).keys)
    name_servers(values["tracker"])
    if hydra.mode is not None and hydra.mode.name == "MULTIRUN":
        return _job_of_sweep(values, hydra)
    typed = [shown(text) for text in task_overrides(hydra)]
    run = run_or_resume(values, for_terminal(), typed)
    if run.folder.read().get("sent"):  # the tracker answers
        from rnnx.sweeps.catch_up import catch_up

        catch_up(values["outputs"])
        if not run.exit_code:
            _point_to_page(values)
    return run.exit_code


def _point_to_page(values: dict[str, Any]) -> None:
    """Keep the view of the newest runs in the tracker, and print where it is if that is known."""
    tracker = component_from("tracker", values["tracker"])
    if not isinstance(tracker, ViewTracker):
        return
    from rnnx.comparison.pages import newest_runs, page_of  # and with them all of the comparison

    ui = page_of(tracker, lambda: newest_runs(tracker, expanded(values["outputs"])))
    if ui is not None and not ui.command:  # else the line before says how to open it
        print(f"charts: {printable(ui.address)}")


def _job_of_sweep(values: dict[str, Any], hydra: Any) -> int:
    from rnnx.sweeps.cluster import is_driver, watch_job
    from rnnx.sweeps.find import sweep_of
    from rnnx.sweeps.job import run_job
    from rnnx.sweeps.ranking import result_line

    sweep = sweep_of(hydra)
    sweep.refuse_none()
    if not is_driver(sweep):
        return watch_job(sweep, values, hydra)
    code = run_job(values, task_overrides(hydra), hydra.job.num, sweep)
    result = sweep.result(hydra.job.num)
    if result is not None:
        print(result_line(sweep, result), flush=True)
    return code


def run_or_resume(values: dict[str, Any], report: Report, overrides: list[str]) -> Run:
    """A new run, or with resume=auto the unfinished one of the same configuration."""
    if values["resume"] == Resume.auto.name:
        folder = unfinished(values["outputs"], values)
        if folder is not None:
            return resume(folder, report, tracker=values["tracker"])
    return train(values, report, overrides)


class _Task:
    """What Hydra calls for each job: it keeps the jobs' exit codes, and the errors that they raise.

    Hydra would print an error that passes through it, so it is raised after Hydra has ended.
    """

    def __init__(self) -> None:
        self.begun = False
        self.codes: list[int] = []
        self.errors: list[RnnxError] = []

    def run(self, config: DictConfig) -> None:
        self.begun = True
        try:
            self.codes.append(job(config))
        except RnnxError as error:
            self.errors.append(error)
        except BrokenPipeError:
            raise
        except OSError as error:
            where = error.filename or config.outputs
            self.errors.append(StorageError(f"{where}: {error.strerror}"))


def _hydra(arguments: Sequence[str]) -> int:
    """Run Hydra's own main with these arguments; the highest exit code of its jobs."""
    import hydra

    prepare_hydra()
    main = hydra.main(config_path=str(conf_folder()), config_name=MAIN, version_base="1.3")
    with _argv(arguments):
        return _run(_Task(), lambda run: main(run)())


def _run(task: _Task, application: Callable[[Callable[[DictConfig], None]], None]) -> int:
    """Have an application of Hydra's run the task; the highest exit code of its jobs."""
    # With HYDRA_FULL_ERROR an error leaves Hydra as it was raised.
    with environment({"HYDRA_FULL_ERROR": "1"}), _hydras_errors(task):
        application(task.run)
    if task.errors:
        raise task.errors[0]
    return max(task.codes, default=0)


@contextmanager
def _argv(arguments: Sequence[str]) -> Iterator[None]:
    """The arguments in the place where Hydra reads its command line."""
    before = sys.argv
    sys.argv = ["rnnx train", *arguments]
    try:
        yield
    finally:
        sys.argv = before


@contextmanager
def _hydras_errors(task: _Task) -> Iterator[None]:
    """What is wrong with Hydra's own settings, which rnnx does not check, as a ConfigError."""
    try:
        yield
    except RnnxError:
        raise
    except OSError as error:
        if task.codes or task.errors:
            raise
        if error.filename is None:  # some of Hydra's own exceptions are OSErrors
            raise ConfigError(f"Hydra: {' '.join(str(error).split())[:300]}") from error
        where = f"hydra.run.dir: {error.filename}: {error.strerror}"
        raise ConfigError(f"{where}; Hydra cannot make its folder there") from None
    except Exception as error:
        if task.begun:
            raise
        raise ConfigError(f"Hydra: {' '.join(str(error).split())[:300]}") from error
