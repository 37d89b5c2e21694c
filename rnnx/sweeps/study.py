"""A search's memory, in the sweep's folder: what was tried, and how each trial stands.

Optuna's journal, a file that many processes append to; job n of the sweep is trial n.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rnnx.errors import ConfigError
from rnnx.runs.sweep_folder import Sweep

JOURNAL = "search.log"
NAME = "search"
PRUNED = "pruned: others were better by then"  # the reason of a job that a search ended early


def optuna() -> Any:
    """Optuna, or how to get it."""
    try:
        import optuna as library
    except ImportError:
        raise ConfigError(
            "hydra/sweeper=optuna: optuna is not installed; pip install 'rnnx[sweep]'"
        ) from None
    library.logging.set_verbosity(library.logging.WARNING)
    return library


def storage(sweep: Sweep) -> Any:
    """The journal of the sweep's search."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(str(sweep.path / JOURNAL)))


def pruner(name: str) -> Any:
    """What decides that a trial is hopeless."""
    library = optuna().pruners
    # Five whole trials first: a median of fewer is no measure.
    kinds = {
        "median": lambda: library.MedianPruner(n_startup_trials=5),
        "hyperband": library.HyperbandPruner,
        "none": library.NopPruner,
    }
    if name not in kinds:
        raise ConfigError(f"hydra.sweeper.pruner={name}: choose from {', '.join(kinds)}")
    return kinds[name]()


def judge(sweep: Sweep, job: int) -> Callable[[int, float], bool] | None:
    """Whether a job is hopeless, by step and held-out loss; None where nothing is searched."""
    rule = sweep.read().get("pruner")
    if not rule or not (sweep.path / JOURNAL).is_file():
        return None
    study = optuna().load_study(study_name=NAME, storage=storage(sweep), pruner=pruner(rule))
    trial = optuna().trial.Trial(study, study.get_trials(deepcopy=False)[job]._trial_id)

    def is_hopeless(step: int, loss: float) -> bool:
        trial.report(loss, step)
        return bool(trial.should_prune())

    return is_hopeless
