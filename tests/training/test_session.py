"""The step: one update of the notebook's line, from batch to parameters."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import tiny

import rnnx
from rnnx.arrays import State
from rnnx.contracts.probes import Findings, Observation
from rnnx.errors import Diverged
from rnnx.registry.checks import CheckedCell
from rnnx.training.session import Session
from rnnx_builtin.probes.gradient_norms import GradientNorms


def losses(session: Session, steps: int) -> list[float]:
    return [session.step() for _ in range(steps)]


@pytest.mark.parametrize("cell", ["vanilla", "lstm", "gru"])
def test_two_sessions_of_one_config_are_equal_bit_for_bit(cell: str, names: Path) -> None:
    overrides = tiny(names, f"cell={cell}", "dropout=0.3", "layers=2")
    first, second = rnnx.build(overrides), rnnx.build(overrides)
    assert losses(first, 8) == losses(second, 8)
    assert first.params.flat.tobytes() == second.params.flat.tobytes()
    assert first.sample(5) == second.sample(5)


def test_the_seed_decides(names: Path) -> None:
    first, second = rnnx.build(tiny(names, "seed=1")), rnnx.build(tiny(names, "seed=2"))
    assert losses(first, 3) != losses(second, 3)


def test_params_is_a_dict_of_dicts_of_arrays(names: Path) -> None:
    session = rnnx.build(tiny(names, "layers=2"))
    assert list(session.params) == ["layer0", "layer1", "head"]
    assert isinstance(session.params["layer0"], dict)
    assert session.params["layer1"]["Wx"].shape == (32, 8)
    assert session.params["layer1"]["Wx"].dtype == np.float32


def test_the_gradient_is_the_loss_s_slope(names: Path) -> None:
    """Through both layers and the head: central differences of the whole network's loss."""
    more = ["layers=2", "dtype=float64", "optimizer=sgd", "clipper=none"]
    session = rnnx.build(tiny(names, *more))
    session.step()
    start, place = session.params.flat.copy(), session.batches.state()

    def loss_at(i: int, change: float) -> float:
        """The loss of the same batch, always, with parameter ``i`` changed."""
        session.batches.restore(place)
        session.params.flat[:] = start
        session.params.flat[i] += change
        return session.step()

    loss_at(0, 0.0)
    grads, rng = session.grads.flat.copy(), np.random.default_rng(0)
    for i in rng.integers(0, len(grads), 40):
        slope = (loss_at(i, 1e-6) - loss_at(i, -1e-6)) / 2e-6
        assert grads[i] == pytest.approx(slope, rel=1e-5, abs=1e-8)


def test_the_first_loss_is_about_that_of_guessing(names: Path) -> None:
    session = rnnx.build(tiny(names))
    assert session.step() == pytest.approx(math.log(len(session.corpus.vocabulary)), rel=0.15)


def test_training_lowers_the_held_out_loss(names: Path) -> None:
    session = rnnx.build(tiny(names, "cell.hidden_size=32", "optimizer.learning_rate=0.01"))
    before = session.evaluate()
    losses(session, 120)
    assert session.evaluate() < before / 2


def test_a_sequence_s_loss_is_the_sum_over_its_steps(names: Path) -> None:
    token = rnnx.build(tiny(names, "batch_size=1", "dtype=float64"))
    sequence = rnnx.build(tiny(names, "batch_size=1", "dtype=float64", "head.reduction=sequence"))
    loss, summed = token.step(), sequence.step()
    assert sequence.metrics is not None
    assert summed == pytest.approx(loss * sequence.metrics.tokens, rel=1e-12)


def test_smoothing_follows_its_formula(names: Path) -> None:
    session = rnnx.build(tiny(names, "smoothing=0.9"))
    expected = math.log(len(session.corpus.vocabulary))
    for loss in losses(session, 5):
        expected = 0.9 * expected + 0.1 * loss
    assert session.smooth_loss == pytest.approx(expected, rel=1e-12)


def test_the_state_is_carried_across_the_windows_of_a_text(names: Path) -> None:
    overrides = tiny(names, "dataset=text", "dataset.length=5")
    session = rnnx.build(overrides)
    assert not any(array.any() for state in session.states for array in state)
    session.step()
    carried = [array.copy() for state in session.states for array in state]
    assert all(array.any() for array in carried)
    place = session.batches.state()
    batch = session.batches.next()
    session.batches.restore(place)

    def loss_from(states: tuple[rnnx.State, ...]) -> float:
        network, params, scratch = session.network, session.params, rnnx.Scratch()
        h, _, _ = network.forward(params, batch.x, states, batch.lengths, scratch)
        return network.head.forward(params["head"], h, batch.y, batch.lengths, scratch)[0]

    zeros = session.network.initial_state(4, np.float32)
    from_carried, from_zeros = loss_from(session.states), loss_from(zeros)
    assert from_carried != pytest.approx(from_zeros, rel=1e-4)
    assert session.step() == pytest.approx(from_carried, rel=1e-6)


@pytest.mark.parametrize("cell", ["vanilla", "lstm"])
def test_a_column_that_begins_anew_begins_from_the_zero_state(cell: str, names: Path) -> None:
    overrides = ("dataset=text", "dataset.length=5", f"cell={cell}", "state_reset=0.5")
    session = rnnx.build(tiny(names, *overrides, "batch_size=4"))
    session.step()
    carried = [array.copy() for state in session.states for array in state]
    held = [array for state in session.states for array in state]
    batch = session.batches.next()
    assert batch.reset is not None
    assert 0 < len(batch.reset) < 4  # of this seed
    seen: list[State] = []
    forward = CheckedCell.forward

    def spy(self: CheckedCell, params: Any, x: Any, state: State, *more: Any) -> Any:
        seen.append(state)
        return forward(self, params, x, state, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session.batches, "next", lambda: batch)
        patch.setattr(CheckedCell, "forward", spy)
        session.step()
    others = np.setdiff1d(np.arange(4), batch.reset)
    for array, before, own in zip(seen[0], carried, held, strict=True):
        assert not array[:, batch.reset].any()
        assert np.array_equal(array[:, others], before[:, others])
        assert np.array_equal(own, before)  # a step that diverges goes back to it


def test_dropout_is_off_where_the_loss_is_measured(names: Path) -> None:
    session = rnnx.build(tiny(names, "dropout=0.5"))
    assert session.evaluate() == session.evaluate()


def test_a_loss_that_is_not_finite_stops_before_the_update(names: Path) -> None:
    session = rnnx.build(tiny(names))
    session.step()
    session.params["head"]["by"][0] = np.inf
    before = session.params.flat.copy()
    with pytest.raises(Diverged, match=r"step 2: the loss is .*optimizer\.learning_rate"):
        session.step()
    assert session.steps == 1
    np.testing.assert_array_equal(session.params.flat, before)


@pytest.mark.parametrize(
    ("clipper", "told"),
    [("global_norm", True), ("value", True), ("none", False)],
)
def test_only_a_clipper_with_a_limit_is_told_to_lower_it(
    clipper: str, told: bool, names: Path
) -> None:
    session = rnnx.build(tiny(names, f"clipper={clipper}"))
    session.step()
    session.params["head"]["by"][0] = np.inf
    with pytest.raises(Diverged, match=r"lower optimizer\.learning_rate") as error:
        session.step()
    assert ("clipper.limit" in str(error.value)) is told


PROBES = "[distributions,gradient_by_lag,gradient_norms,hidden_units,saturation]"


def losses_seen(session: Session, steps: int) -> list[float]:
    """The losses of ``steps`` steps, after each of which every probe observes."""
    seen = []
    for _ in range(steps):
        seen.append(session.step())
        found = dict(session.observations())
        assert found.keys() == session.components.probes.keys()
        for name, findings in found.items():
            assert isinstance(findings, Findings), f"{name}: {findings}"
            assert any(findings), f"{name} found nothing"
    return seen


def assert_probes_change_nothing(names: Path, probes: str) -> None:
    """A session whose probes observe every step trains as one without any, bit for bit."""
    plain = rnnx.build(tiny(names))
    every = [f"probes.{name}.every=1" for name in probes.strip("[]").split(",")]
    probed = rnnx.build(tiny(names, f"probe={probes}", *every))
    assert losses(plain, 5) == losses_seen(probed, 5)
    assert plain.params.flat.tobytes() == probed.params.flat.tobytes()
    assert plain.sample(3) == probed.sample(3)


def test_probes_see_and_change_nothing(names: Path) -> None:
    assert_probes_change_nothing(names, PROBES)


def zero_the_parameters(seen: Observation) -> None:
    seen.params.flat[:] = 0


def replace_a_weight(seen: Observation) -> None:
    seen.params["head"]["by"] = seen.params["head"]["by"] + 1


def fail(seen: Observation) -> None:
    raise ValueError("a probe's own fault")


@pytest.mark.parametrize("harm", [zero_the_parameters, replace_a_weight, fail])
def test_the_test_sees_a_probe_that_writes_or_fails(
    harm: Callable[[Observation], None], names: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    observe = GradientNorms.observe

    def harmful(self: GradientNorms, seen: Observation) -> Findings:
        harm(seen)
        return observe(self, seen)

    assert_probes_change_nothing(names, "gradient_norms")
    monkeypatch.setattr(GradientNorms, "observe", harmful)
    with pytest.raises(AssertionError):
        assert_probes_change_nothing(names, "gradient_norms")
