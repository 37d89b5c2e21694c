"""Cells of the zoo through the ordinary command: they train, write text, and resume bit for bit."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from run_equality import assert_same_run
from tiny import tiny

from rnnx.config.compose import compose
from rnnx.runs import checkpoint as checkpoints
from rnnx.training.report import Silent
from rnnx.training.resume import resume
from rnnx.training.run import train
from rnnx.training.session import Session


class Interrupt(Silent):
    """Presses Ctrl-C once, in the middle of a run."""

    def progress(self, session: Session, tokens_per_s: float) -> None:
        if session.steps == 6:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize(
    "overrides",
    [
        ["cell=mgu", "direction=forward"],
        ["cell=layernorm_lstm", "dtype=float64", "weight_dropout=0.2"],
        ["cell=indrnn", "cell.horizon=100", "layers=2", "optimizer.learning_rate=0.1"],
        ["cell=stack_rnn", "cell.controller={name:gru,reset_after:false}", "zoneout=0.1"],
    ],
    ids=lambda overrides: overrides[0],
)
def test_a_cell_trains_writes_and_resumes(overrides: list[str], names: Path) -> None:
    config = compose(tiny(names, *overrides))
    whole, stopped = train(config, Silent()), train(config, Interrupt())
    assert stopped.exit_code == 130
    assert_same_run(resume(stopped.folder, Silent()).folder, whole.folder)
    losses = whole.folder.read()["metrics"]
    assert np.isfinite(losses["val/loss"])
    texts = (whole.folder.path / "samples.csv").read_text("utf-8").splitlines()
    assert [line.split(",")[0] for line in texts[1:10:3]] == ["1", "6", "12"]  # three texts each
    if "cell=indrnn" in overrides:
        tensors = checkpoints.read(whole.folder.last).tensors
        bounded = [np.abs(u).max() for name, u in tensors.items() if name.endswith("layer0.u")]
        assert max(bounded) == np.float32(2**0.01), "u came to its bound and no further"
