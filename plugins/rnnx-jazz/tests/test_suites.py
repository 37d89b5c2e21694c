"""The conformance suites of rnnx on what the plugin registers."""

import subprocess
import sys

from rnnx.registry.manager import plugins
from rnnx.testing import DatasetSuite, ProbeSuite
from rnnx_jazz.dataset import Jazz
from rnnx_jazz.probe import Music


class TestJazz(DatasetSuite):
    components = (
        Jazz(),
        Jazz(tune=8, windows=60, val_fraction=0),
        Jazz(tune=3, chords="Dm7 | G7", metre="3/4", bars=7),
    )


class TestMusic(ProbeSuite):
    component = Music()


def test_it_is_registered_and_nothing_failed() -> None:
    owners = {(entry.kind, entry.name): entry.owner.distribution for entry in plugins().registry}
    assert owners["dataset", "jazz"] == owners["probe", "music"] == "rnnx-jazz"
    assert not plugins().failures


def test_registering_imports_nothing_heavy() -> None:
    heavy = ("music21", "mido", "matplotlib", "mlflow", "hydra")
    code = f"import sys, rnnx_jazz; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
