"""How far a reader of one training step has to go: a bound that can only be lowered."""

import pytest
from step_path import path_of, paths_of_steps

import rnnx

# Files of rnnx/ and plugins/ that a step of the default recipe opens (python
# tests/training/step_path.py prints them). Less is better; what adds one has to be worth it: two
# are those of crossed examples, which the default recipe trains on, and those of the kinds of
# dropout and of average, two those of the cell and the head that are one where both are compiled,
# one that of an optimizer's update in one pass.
MOST_FILES = {"numpy": 17, "auto": 25}


@pytest.mark.parametrize("backend", MOST_FILES)
def test_a_step_opens_few_files(backend: str) -> None:
    for path in paths_of_steps([f"backend={backend}"]):
        assert len(path.files) <= MOST_FILES[backend], path.files


def test_the_path_is_that_of_the_calls() -> None:
    session = rnnx.build(["tracker=none", "backend=numpy", "crossover=0"])
    path = path_of(session.batches.next)
    names = "batches", "corpus", "padded"
    assert set(path.files) == {f"rnnx/data/{name}.py" for name in names}
    assert path.calls[0] == ("rnnx/data/batches.py", "next")
    assert path.crossings == 4
    path = path_of(session.evaluate)
    assert path.files[0] == "rnnx/training/session.py"
    assert {"rnnx/models/evaluation.py", "plugins/rnnx_builtin/cells/lstm.py"} <= set(path.files)
    assert path.crossings > len(path.files)
