"""Hydra's application for a single run whose configuration has been composed: it composes no more.

Hydra's own main would compose twice, once to learn the mode and once to run, a tenth of a second
each. All else that it does with a job is done here, too, by its own class.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_automatic_config_search_path
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import configure_log
from hydra.version import setbase
from omegaconf import DictConfig

from rnnx.config.compose import APPLICATION
from rnnx.config.recipes import MAIN, conf_folder


class ComposedApplication(Hydra):  # type: ignore[misc]
    """Runs one job with this configuration, which has Hydra's node."""

    composed: DictConfig

    def compose_config(self, *arguments: Any, **named: Any) -> DictConfig:
        configure_log(self.composed.hydra.hydra_logging, self.composed.hydra.verbose)
        return self.composed


def run_composed(task: Callable[[DictConfig], Any], config: DictConfig) -> None:
    """Run the task in Hydra's application; what the task raises passes through."""
    setbase("1.3")
    folders = create_automatic_config_search_path(None, None, str(conf_folder()))
    application = ComposedApplication.create_main_hydra2(APPLICATION, folders)
    application.composed = config
    try:
        application.run(MAIN, task, list(config.hydra.overrides.task))
    finally:
        GlobalHydra.instance().clear()
