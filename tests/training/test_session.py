"""The step: one update of the notebook's line, from batch to parameters."""

import math
from pathlib import Path

import numpy as np
import pytest
from tiny import tiny

import rnnx
from rnnx.errors import Diverged
from rnnx.training.session import Session


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
    session = rnnx.build(tiny(names, "layers=2", "dtype=float64", "optimizer=sgd"))
    batch = session.batches.next()
    session._gradients(batch)
    grads, rng = session.grads.flat.copy(), np.random.default_rng(0)
    for i in rng.integers(0, len(grads), 40):
        kept = session.params.flat[i]
        found = []
        for way in (1e-6, -1e-6):
            session.params.flat[i] = kept + way
            found.append(session._gradients(batch).loss)
        session.params.flat[i] = kept
        assert grads[i] == pytest.approx((found[0] - found[1]) / 2e-6, rel=1e-5, abs=1e-8)


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
    other = rnnx.build(overrides)
    other.step()
    other.states = other._zero_states()
    assert session.step() != other.step()


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


def test_a_step_holds_its_memory(names: Path) -> None:
    """The buffers do not grow with the number of steps."""
    session = rnnx.build(tiny(names))
    losses(session, 150)
    held = session._scratch.nbytes
    losses(session, 150)
    assert session._scratch.nbytes == held


def test_probes_see_and_change_nothing(names: Path) -> None:
    plain = rnnx.build(tiny(names))
    probed = rnnx.build(tiny(names, "probe=gradient_norms"))
    assert losses(plain, 5) == losses(probed, 5)
