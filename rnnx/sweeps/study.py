"""A search's memory in the sweep's folder: an Optuna study, whose trial n is the sweep's job n.

The study is kept in a journal, a file that many processes may append to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rnnx.config.identity import config_hash
from rnnx.errors import ConfigError
from rnnx.runs.sweep_folder import Sweep
from rnnx.sweeps.halving import NAME, halving_rule

JOURNAL = "search.log"
STUDY = "search"  # the study's name in the journal
PRUNED = "pruned: others were better by then"  # the reason of a job that a search ended early
MIN_TRIALS = 5  # that ended before the median of the others is compared with


def optuna() -> Any:
    """Optuna; ConfigError says how to install it."""
    try:
        import optuna as library
    except ImportError:
        raise ConfigError(
            "hydra/sweeper=optuna: optuna is not installed; pip install optuna"
        ) from None
    library.logging.set_verbosity(library.logging.WARNING)
    return library


def study_storage(sweep: Sweep) -> Any:
    """The journal of the sweep's study."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(str(sweep.path / JOURNAL)))


def pruner_named(name: str) -> Any:
    """Optuna's pruner of this name; ConfigError where there is none."""
    library = optuna().pruners
    pruners = {
        "median": lambda: library.MedianPruner(n_startup_trials=MIN_TRIALS),
        "hyperband": library.HyperbandPruner,
        NAME: library.NopPruner,  # rnnx.sweeps.halving decides
        "none": library.NopPruner,
    }
    if name not in pruners:
        raise ConfigError(f"hydra.sweeper.pruner={name}: choose from {', '.join(pruners)}")
    return pruners[name]()


def pruning_rule(
    sweep: Sweep, job: int, config: Mapping[str, Any]
) -> Callable[[int, float], bool] | None:
    """Whether the sweep ends a job early, by step and held-out loss; None where it never does."""
    pruner = sweep.read().get("pruner")
    if not pruner or pruner == "none":
        return None
    halving = halving_rule(sweep, config_hash(config)) if pruner == NAME else None
    if not (sweep.path / JOURNAL).is_file():
        return halving
    storage = study_storage(sweep)
    study = optuna().load_study(study_name=STUDY, storage=storage, pruner=pruner_named(pruner))
    # The driver asked for the trial in another process. Optuna has no function from a trial's
    # number to the trial (optuna/optuna#2987); checked with Optuna 4.2 and 5.0.
    study_id = storage.get_study_id_from_name(STUDY)
    trial_id = storage.get_trial_id_from_study_id_trial_number(study_id, job)
    trial = optuna().trial.Trial(study, trial_id)

    def should_prune(step: int, loss: float) -> bool:
        trial.report(loss, step)
        return halving(step, loss) if halving else bool(trial.should_prune())

    return should_prune
