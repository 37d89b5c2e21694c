"""Arguments that several commands take."""

from __future__ import annotations

from typing import Any

import click

from rnnx.system.files import expanded

RUN = "RUN is a run's id, the beginning of one, `last`, a run's folder or a checkpoint file."
WHOLE_RUN = "RUN is a run's id, the beginning of one, `last`, or a run's folder."


class UserPath(click.Path):
    """A path as a user types it: ~ is the home folder, also where no shell has seen it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(str(expanded(value)), param, ctx)
