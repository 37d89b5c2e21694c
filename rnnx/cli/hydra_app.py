"""``rnnx train``: Hydra's application around a run."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from omegaconf import DictConfig

from rnnx.config.compose import compose, conf_folder, plain, prepare_hydra
from rnnx.config.overrides import quoted
from rnnx.config.settings import Resume
from rnnx.errors import ConfigError, RnnxError, StorageError
from rnnx.registry.manager import plugins
from rnnx.system.environment import environment
from rnnx.training.report import Report, for_terminal
from rnnx.training.resume import resume, unfinished
from rnnx.training.run import Run, train


def main(overrides: Sequence[str], multirun: bool = False, look: Sequence[str] = ()) -> int:
    """Check every override, then hand over to Hydra; the exit code.

    ``look`` are Hydra's own flags that show a configuration and train nothing.
    """
    for failure in plugins().failures:
        print(f"rnnx: {failure}", file=sys.stderr)
    overrides = quoted(overrides)
    if not look:
        if multirun:
            from rnnx.sweeps.driver import drive  # a single run need not wait for what sweeps need

            return drive(overrides, lambda texts: _hydra(["--multirun", *texts]))
        compose(overrides)  # refuse a wrong override in one line, before anything starts
        if sets := [text for text in overrides if text.startswith("sweep=")]:
            raise ConfigError(f"{sets[0]}: is a set of values to sweep; add -m")
    # Flags go first: Hydra's parser refuses one that stands between overrides.
    return _hydra([*look, *(["--multirun"] if multirun else []), *overrides])


def job(config: DictConfig) -> int:
    """One job of Hydra's: a single run, or one of a sweep."""
    from hydra.core.hydra_config import HydraConfig

    values = plain(config)  # the session checks them
    hydra = HydraConfig.get()
    if hydra.mode is not None and hydra.mode.name == "MULTIRUN":
        return _job_of_sweep(values, hydra)
    return run_or_resume(values, for_terminal(), list(hydra.overrides.task)).exit_code


def _job_of_sweep(values: dict[str, Any], hydra: Any) -> int:
    from rnnx.sweeps.cluster import is_driver, watch_job
    from rnnx.sweeps.find import sweep_of
    from rnnx.sweeps.job import run_job
    from rnnx.sweeps.ranking import result_line

    sweep = sweep_of(hydra)
    if not is_driver(sweep):
        return watch_job(sweep, values, hydra)
    code = run_job(values, list(hydra.overrides.task), hydra.job.num, sweep)
    outcome = sweep.outcome(hydra.job.num)
    if outcome is not None:
        print(result_line(sweep, outcome), flush=True)
    return code


def run_or_resume(values: dict[str, Any], report: Report, overrides: list[str]) -> Run:
    """A new run, or with resume=auto the unfinished one of the same configuration."""
    if values["resume"] == Resume.auto.name:
        folder = unfinished(values["outputs"], values)
        if folder is not None:
            return resume(folder, report)
    return train(values, report, overrides)


def _hydra(arguments: Sequence[str]) -> int:
    """Run Hydra's own main; what ``job`` returned."""
    import hydra

    codes: list[int] = []
    errors: list[RnnxError] = []
    begun = False

    def task(config: DictConfig) -> None:
        nonlocal begun
        begun = True
        # An error that crosses Hydra would be printed by it, too: carry it around.
        try:
            codes.append(job(config))
        except RnnxError as error:
            errors.append(error)
        except BrokenPipeError:
            raise
        except OSError as error:
            errors.append(StorageError(f"{error.filename or config.outputs}: {error.strerror}"))

    prepare_hydra()
    main = hydra.main(config_path=str(conf_folder()), config_name="train", version_base="1.3")
    # Errors come out of Hydra as they are.
    with _arguments(arguments), environment({"HYDRA_FULL_ERROR": "1"}):
        try:
            main(task)()
        except OSError as error:
            if codes or errors:
                raise
            where = f"hydra.run.dir: {error.filename}: {error.strerror}"
            raise ConfigError(f"{where}; Hydra cannot make its folder there") from None
        except Exception as error:  # of Hydra's own settings, which nothing else checks
            if begun:
                raise
            raise ConfigError(f"Hydra: {' '.join(str(error).split())[:300]}") from error
    if errors:
        raise errors[0]
    return max(codes, default=0)


@contextmanager
def _arguments(arguments: Sequence[str]) -> Iterator[None]:
    """What Hydra reads as its command line."""
    before = sys.argv
    sys.argv = ["rnnx train", *arguments]
    try:
        yield
    finally:
        sys.argv = before
