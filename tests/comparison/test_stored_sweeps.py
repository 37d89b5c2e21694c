"""`rnnx compare` of a sweep of which only the tracker knows."""

import pytest

from rnnx.comparison.compare import compare
from rnnx.comparison.results import results
from rnnx.contracts.trackers import Point
from rnnx.errors import RunNotFound
from rnnx_builtin.trackers.mlflow_store import MLflow

SWEEP, OTHER = "3c0d85fa992c", "3c0d99999999"


@pytest.fixture
def parent(default_store: str) -> str:
    """The id of the run of a sweep of two cells and two seeds."""
    tracker = MLflow(default_store)
    own = tracker.start("sweep", {}, {"sweep.id": SWEEP})
    for sweep, jobs in ((SWEEP, 4), (OTHER, 1)):
        for job in range(jobs):
            cell, seed = ("lstm", "gru")[job // 2], str(job % 2)
            tags = {"sweep.id": sweep, "sweep.cell": cell, "sweep.seed": seed}
            tags |= {"rnnx.parent": own.id if sweep == SWEEP else "f" * 32}
            tags |= {"rnnx.seedless_hash": cell, "data.split_sha256": "1234"}
            log = tracker.start(f"cell={cell} seed={seed}", {}, tags)
            log.points([Point("best/val_loss", 3.0 - job, 1, 1)])
            log.finish("FINISHED")
    own.finish("FINISHED")
    return str(own.id)


def test_a_sweep_in_the_store_alone_is_compared(parent: str) -> None:
    for name in (SWEEP, SWEEP[:7], parent):
        found = compare([name])
        assert [found.value(run) for run in found.runs] == [0.0, 1.0, 2.0, 3.0]
        assert [group.name for group in found.groups] == ["cell=gru", "cell=lstm"]
        assert [group.by_seed for group in found.groups] == [
            {"0": 1.0, "1": 0.0},
            {"0": 3.0, "1": 2.0},
        ]
        assert not found.notes
    table = results(found, ["cell"], [])  # by a key that was swept: the tracker knows these
    assert {row: group.mean for (row, _), group in table.cells.items()} == {
        ("gru",): 0.5,
        ("lstm",): 2.5,
    }
    with pytest.raises(RunNotFound, match=f"3c0d: 2 runs begin so .{SWEEP}, {OTHER}."):
        compare(["3c0d"])
    with pytest.raises(RunNotFound, match="nosuch: no such run"):
        compare(["nosuch"])
