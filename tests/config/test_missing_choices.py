"""A recipe that chooses what is not there, and a component that was refused."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from rnnx.config.compose import compose
from rnnx.errors import RnnxError, UnknownComponent

MISSING = {
    "head": (
        "- override /head: mood",
        "head=mood: there is no such head; choose from absolute, adaptive_softmax, b",
    ),
    "near": ("- override /cell: gruu", r"cell=gruu: there is .*; did you mean gru\?$"),
    "probe": ("- override /probe: [mood]", "probe=mood: there is no such probe; choose from "),
    "recipe": ("- mood", "experiment=mood: there is no such experiment$"),
}


@pytest.mark.parametrize("case", MISSING)
def test_a_recipe_that_chooses_what_is_not_there_is_named(tmp_path: Path, case: str) -> None:
    line, told = MISSING[case]
    file = tmp_path / "my conf" / "experiment" / "feel.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(f"# @package _global_\ndefaults:\n  {line}\n")
    with pytest.raises(RnnxError, match=f"^{file}: {told}") as caught:
        compose([f"hydra.searchpath=['file://{file.parent.parent}']", "experiment=feel"])
    assert "search path" not in str(caught.value)


SCHEDULE = """
    from dataclasses import dataclass
    import numpy as np
    import rnnx

    @dataclass(frozen=True)
    class Half:
        def init_state(self):
            return {"factor": np.ones(())}

        def factor_with_state(self, step, state):
            return 0.5

    @rnnx.hookimpl
    def register_schedules(register):
        register("half", Half)
"""


def test_a_refused_component_says_which_method_is_missing(
    install: Callable[..., EntryPoint],
) -> None:
    install(SCHEDULE)
    told = "^schedule=half: is refused, .* has init_state and factor_with_state, and has no method "
    with pytest.raises(UnknownComponent, match=told + r"evaluated: .*\(plugin acme 1.0\)"):
        compose(["schedule=half"])
