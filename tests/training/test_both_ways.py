"""Runs whose layers read from the end: they learn what lies ahead, and go on like any other."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from killed_at import KilledAt
from run_equality import assert_same_run
from tiny import TINY

import rnnx
from rnnx.config.compose import compose
from rnnx.errors import ConfigError, DataError
from rnnx.runs.folder import RunFolder
from rnnx.training.report import Silent
from rnnx.training.resume import resume
from rnnx.training.run import train

AHEAD = '''
    from dataclasses import dataclass

    import numpy as np
    import rnnx

    @dataclass(frozen=True)
    class Ahead:
        """Each step's target is the symbol after it, which no pass from the beginning has seen."""

        def load(self, seed):
            rng = np.random.default_rng(seed)

            def draw(count):
                ids = [rng.integers(0, 3, n) for n in rng.integers(1, 9, count)]
                return rnnx.sequences_of([np.append(one[1:], 0) for one in ids], ids=ids)

            parts = draw(120), draw(40)
            return rnnx.Corpus(
                rnnx.Vocabulary(("a", "b", "c")), *parts, rnnx.sequences_sha256(*parts),
                targets=rnnx.classes("ABC"),
            )

    @rnnx.hookimpl
    def register_datasets(register):
        register("ahead", Ahead)
'''
OWN = [*TINY, "dataset=ahead", "cell=lstm"]
PROBES = "probe=[distributions,saturation,gradient_norms,hidden_units]"


@pytest.fixture(autouse=True)
def plugin(install: Callable[..., object]) -> None:
    install(AHEAD, "ahead")


def loss_of(*more: str) -> float:
    run = rnnx.train([*OWN, "steps=60", "eval_every=60", "optimizer.learning_rate=0.05", *more])
    return run.metrics["val/loss"]


def test_a_pass_from_the_end_knows_what_lies_ahead() -> None:
    forward, backward, both = (loss_of(f"direction={d}") for d in ("forward", "backward", "both"))
    assert max(backward, both) < 0.2 and forward > 0.7  # nats a step


def test_a_killed_run_goes_on_bit_for_bit() -> None:
    more = ["direction=both", "layers=2", "dropout=0.3", "initial_state=learned", PROBES]
    overrides = [*OWN, *more, "steps=16", "checkpoint.every=3", "averaging=0.9"]
    killed = KilledAt(8)
    whole = train(compose(overrides), killed)
    assert_same_run(resume(RunFolder(killed.left), Silent()).folder, whole.folder)
    seen = {key.partition("/")[0] for key in whole.metrics}
    assert {"gates.layer1.forward.f", "gates.layer0.backward.i", "activations.layer1"} <= seen
    found = whole.model.evaluate()
    assert found.loss == pytest.approx(whole.metrics["best/val_loss"])
    with pytest.raises((ConfigError, DataError)):
        whole.model.sample(1)


def test_one_thread_and_two_train_the_same_network() -> None:
    pytest.importorskip("numba")
    more = ["direction=both", "layers=2", "dropout=0.3", "backend=fast", "clipper=none"]
    runs = [rnnx.train([*OWN, *more, f"threads={n}"]) for n in (1, 2)]
    one, two = (np.concatenate([a.ravel() for _, a in r.model.params.leaves()]) for r in runs)
    np.testing.assert_array_equal(one, two)


def test_a_gradient_by_lag_has_no_meaning_there() -> None:
    with pytest.raises(ConfigError, match=r"gradient_by_lag.*direction=forward"):
        rnnx.train([*OWN, "direction=backward", "probe=gradient_by_lag"])


def test_a_component_that_breaks_its_contract_is_named(install: Any) -> None:
    broken = """
        from dataclasses import dataclass

        import numpy as np
        import rnnx
        from rnnx_builtin.cells.lstm import LSTM

        @dataclass(frozen=True)
        class Broken(LSTM):
            def backward(self, params, cache, dh, dstate, scratch):
                dparams, dx, before = super().backward(params, cache, dh, dstate, scratch)
                return {**dparams, "Wh": dparams["Wh"] * np.nan}, dx, before

        @rnnx.hookimpl
        def register_cells(register):
            register("broken", Broken)
    """
    install(broken, "broken")
    with pytest.raises(rnnx.errors.PluginError, match=r"broken.*backward of layer.?0: dforward.Wh"):
        rnnx.train([*OWN, "cell=broken", "direction=both", "backend=numpy"])
