"""What a component does to its process costs itself, and is named."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tiny import tiny

import rnnx
from rnnx.errors import PluginError

PLUGIN = """
    import os, sys
    from dataclasses import dataclass
    import rnnx

    @dataclass(frozen=True)
    class Wanderer:
        \"\"\"A probe that changes the working directory.\"\"\"
        every: int = 1

        def observe(self, seen):
            os.chdir("/")
            return rnnx.Findings()

    @dataclass(frozen=True)
    class Leaver:
        \"\"\"A schedule that leaves.\"\"\"

        def factor(self, step):
            if step == 2:
                sys.exit(0)
            return 1.0

    @dataclass(frozen=True)
    class Odd:
        \"\"\"A schedule that cannot be made.\"\"\"
        rate: float = 1.0

        def __post_init__(self):
            len(self.rate)

        def factor(self, step):
            return 1.0

    @rnnx.hookimpl
    def register_probes(register):
        register("wanderer", Wanderer)

    @rnnx.hookimpl
    def register_schedules(register):
        register("leaver", Leaver)
        register("odd", Odd)
"""


def test_a_probe_that_leaves_the_folder_costs_a_warning(
    names: Path, install: Callable[..., object], capsys: pytest.CaptureFixture[str]
) -> None:
    install(PLUGIN)
    before = Path.cwd()
    run = rnnx.train(tiny(names, "probe=[wanderer]"))
    assert (run.status, Path.cwd()) == ("FINISHED", before)
    assert "changes the working directory; it was put back" in capsys.readouterr().err


def test_a_component_that_leaves_the_process_is_named(
    names: Path, install: Callable[..., object]
) -> None:
    install(PLUGIN)
    with pytest.raises(
        PluginError, match=r"schedule leaver of acme 1\.0: factor: raised SystemExit"
    ):
        rnnx.train(tiny(names, "schedule=leaver"))


def test_a_type_error_of_a_component_names_it(install: Callable[..., object]) -> None:
    install(PLUGIN)
    with pytest.raises(PluginError, match=r"schedule odd of acme 1\.0: .*raised TypeE"):
        rnnx.build(["schedule=odd", "tracker=none"])
