"""The jobs of a sweep's command, checked as they are before the first one."""

from rnnx.config.overrides import parse
from rnnx.sweeps.grid import CheckedSweep, parse_sweep, validate_sweep
from rnnx.sweeps.words import separate


def checked(*typed: str) -> CheckedSweep:
    overrides, words = separate(typed)
    return validate_sweep(parse_sweep(parse(overrides, several=True), words))


def jobs(*typed: str) -> list[str]:
    """The jobs of a command: what differs between them."""
    plan = checked(*typed).plan
    assert plan is not None
    return [" ".join(t for t in job if t.partition("=")[0] in plan.keys) for job in plan.jobs]
