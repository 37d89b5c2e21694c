"""What clippers, schedules, optimizers and parameters ask of an update, in a session and a run."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from run_equality import assert_same_run
from test_resume import At, Everywhere, stop, train_run
from tiny import tiny

import rnnx
from rnnx.config.compose import compose
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.execution import NUMPY
from rnnx.contracts.updates import Group
from rnnx.errors import ConfigError, PluginError
from rnnx.registry.updates import grouped, groups_of
from rnnx.runs import checkpoint as checkpoints
from rnnx.runs.metrics_file import read_history
from rnnx.training.report import Silent
from rnnx.training.resume import resume
from rnnx.training.run import train
from rnnx_builtin.optimizers.adamw import AdamW
from rnnx_builtin.optimizers.momentum import Momentum

# A cell, clippers and a schedule of a plugin, with every ability.
ABILITIES = """
    from dataclasses import dataclass
    import numpy as np
    import rnnx

    @rnnx.unroll
    @dataclass(frozen=True)
    class IndRNN:
        hidden_size: int = 4
        bound: float = 0.5

        def init(self, rng, n_x, dtype):
            n = self.hidden_size
            shapes = {"Wx": (n, n_x), "u": (n, 1), "b": (n, 1)}
            return {k: rng.normal(scale=0.3, size=s).astype(dtype) for k, s in shapes.items()}

        def step(self, params, x, state):
            h = np.tanh(params["Wx"] @ x + params["u"] * state[0] + params["b"])
            return (h,), (x, state[0], h)

        def step_back(self, params, cache, dstate):
            x, before, h = cache
            dz = dstate[0] * (1 - h * h)
            du = (dz * before).sum(1, keepdims=True)
            dparams = {"Wx": dz @ x.T, "u": du, "b": dz.sum(1, keepdims=True)}
            return dparams, params["Wx"].T @ dz, (params["u"] * dz,)

        def parameter_groups(self):
            return {"u": rnnx.contracts.Group(decay=False, rate=20.0)}

        def project_parameters(self, params):
            np.clip(params["u"], -self.bound, self.bound, out=params["u"])

    @dataclass(frozen=True)
    class Mean:
        keep: float = 0.9

        def init_state(self, params):
            return {"mean": np.zeros(()), "steps": np.zeros((), np.int64)}

        def clip_with_state(self, grads, norm, state, params):
            state["mean"] *= self.keep
            state["mean"] += (1 - self.keep) * norm
            state["steps"] += 1
            limit = float(state["mean"]) / (1 - self.keep ** int(state["steps"]))
            if norm <= limit:
                return False
            grads.flat *= limit / norm
            return True

    @dataclass(frozen=True)
    class Fall:
        def init_state(self):
            return {"factor": np.ones(())}

        def evaluated(self, state, value, higher_is_better):
            state["factor"] *= 0.9

        def factor_with_state(self, step, state):
            return float(state["factor"])

    @rnnx.hookimpl
    def register_cells(register):
        register("bounded", IndRNN)

    @rnnx.hookimpl
    def register_clippers(register):
        register("mean", Mean)

    @rnnx.hookimpl
    def register_schedules(register):
        register("fall", Fall)
"""
OWN = ["cell=bounded", "cell.hidden_size=8", "clipper=mean", "schedule=fall", "optimizer=adamw"]
DENSE = ["steps=30", "log_every=3", "eval_every=5", "sample_every=8", "checkpoint.every=7"]


def test_a_plugin_s_abilities_train_and_resume_bit_for_bit(
    names: Path, install: Callable[..., EntryPoint]
) -> None:
    install(ABILITIES)
    everywhere = Everywhere()
    whole = train_run(tiny(names, *OWN, *DENSE), everywhere)
    state = checkpoints.read(whole.folder.last).tensors
    assert state["clipper/steps"] == 30 and state["clipper/steps"].shape == ()
    assert float(state["schedule/factor"]) == pytest.approx(0.9**6)
    assert np.max(np.abs(state["params/layer0.u"])) == np.float32(0.5)  # it moves fast to the bound
    for left in everywhere.copies[3::9]:
        assert_same_run(resume(left, Silent()).folder, whole.folder)


@pytest.mark.parametrize(
    "own",
    [
        ["schedule=plateau", "schedule.patience=0", "clipper=quantile", "clipper.quantile=0.5"],
        ["schedule=one_cycle", "schedule.steps=30", "clipper=adaptive", "optimizer=lion"],
        ["accumulate=3", "average=swa", "average_from=6", "clipper=per_layer", "optimizer=radam"],
    ],
)
def test_a_built_in_rule_resumes_bit_for_bit(own: list[str], names: Path) -> None:
    # So large a rate that the held-out loss gets worse now and then.
    overrides = tiny(names, *DENSE, "optimizer.learning_rate=0.3", *own)
    whole, halted = train_run(overrides), train_run(overrides, At(17, stop))
    assert halted.exit_code == 130
    assert_same_run(resume(halted.folder, Silent()).folder, whole.folder)


def test_the_rate_falls_when_the_held_out_loss_does_not(names: Path) -> None:
    own = ["schedule=plateau", "schedule.patience=0", "schedule.gamma=0.5"]
    more = ["steps=40", "eval_every=4", "optimizer.learning_rate=1"]
    run = train_run(tiny(names, *own, *more))
    history = read_history(run.folder.metrics)
    best, worse, factor, expected = 1e9, 0, 1.0, {}
    losses = {point.step: point.value for point in history["val/loss"]}
    for step in range(1, 41):
        expected[step] = factor
        if step in losses:
            is_better = losses[step] < best - 1e-4 * best
            best, worse = (losses[step], 0) if is_better else (best, worse + 1)
            if worse > 0:
                factor, worse = factor / 2, 0
    rates = {point.step: point.value for point in history["lr"]}
    assert rates == {step: expected[step] for step in rates}
    assert min(rates.values()) < 1


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["eval_every=0"], "eval_every=0 measures none"),
        (["dataset.val_fraction=0"], "nothing is held out"),
    ],
)
def test_a_schedule_that_follows_nothing_is_refused(more: list[str], why: str, names: Path) -> None:
    with pytest.raises(ConfigError, match=f"schedule plateau of rnnx .*{why}"):
        rnnx.build(tiny(names, "schedule=plateau", *more))


class Owner:
    def __init__(self, **groups: Group) -> None:
        self.groups = groups

    def parameter_groups(self) -> Any:
        return self.groups


def network(dtype: Any = np.float32) -> Parameters:
    rng = np.random.default_rng(1)
    shapes = {"layer0": {"W": (5, 4), "b": (5, 1)}, "layer1": {"W": (5, 5), "b": (5, 1)}}
    tree = {
        part: {name: rng.normal(size=shape) for name, shape in arrays.items()}
        for part, arrays in shapes.items()
    }
    return Parameters(tree, dtype)


def updated(optimizer: Any, owner: Owner | None, steps: int = 5) -> Parameters:
    params, rng = network(), np.random.default_rng(2)
    update = grouped(optimizer, groups_of(optimizer, {"layer": owner}, params)).on(NUMPY)
    state, scratch = optimizer.init(params), Scratch()
    for step in range(1, steps + 1):
        grads = params.zeros_like()
        grads.flat[:] = rng.normal(size=params.size)
        update(params, grads, state, 0.1, step, scratch)
    return params


def test_biases_are_decayed_unless_the_user_says_otherwise() -> None:
    decayed, spared, plain = (
        updated(AdamW(weight_decay=decay, decay_biases=biases), None)
        for decay, biases in ((0.3, True), (0.3, False), (0.0, True))
    )
    for layer in ("layer0", "layer1"):
        assert spared[layer]["b"].tobytes() == plain[layer]["b"].tobytes()
        assert spared[layer]["W"].tobytes() == decayed[layer]["W"].tobytes()
        assert decayed[layer]["b"].tobytes() != plain[layer]["b"].tobytes()


@dataclass(frozen=True)
class Old(Momentum):
    """A third party's: it adds λ·p to the gradient, by a field of its own, and knows no groups."""

    l2: float = 0.2

    def update(self, params, grads, state, rate, step, scratch):
        grads.flat += self.l2 * params.flat
        super().update(params, grads, state, rate, step, scratch)


@pytest.mark.parametrize("make", [AdamW, lambda weight_decay: Old(l2=weight_decay)])
def test_every_optimizer_obeys_groups(make: Callable[..., Any]) -> None:
    owner = Owner(W=Group(decay=False), b=Group(rate=0.0))
    found, plain = updated(make(weight_decay=0.2), owner), updated(make(weight_decay=0), None)
    for layer in ("layer0", "layer1"):
        np.testing.assert_array_equal(found[layer]["W"], plain[layer]["W"])
        np.testing.assert_array_equal(found[layer]["b"], network()[layer]["b"])


def test_a_rate_s_factor_multiplies_the_move() -> None:
    found, plain = updated(AdamW(), Owner(W=Group(rate=3.0)), 1), updated(AdamW(), None, 1)
    begin = network()["layer0"]["W"]
    move = plain["layer0"]["W"] - begin
    np.testing.assert_allclose(found["layer0"]["W"] - begin, 3 * move, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(found["layer0"]["b"], plain["layer0"]["b"])


def test_without_groups_the_update_is_the_optimizer_s_own() -> None:
    optimizer = AdamW()
    assert grouped(optimizer, []).on(NUMPY) == optimizer.update


def test_a_pattern_that_fits_nothing_is_named(names: Path, install: Callable[..., object]) -> None:
    install(ABILITIES.replace('return {"u": rnnx', 'return {"v": rnnx'))
    with pytest.raises(PluginError, match="parameter_groups: v fits none of Wx, u, b"):
        rnnx.build(tiny(names, "cell=bounded"))


def test_a_projection_that_replaces_an_array_is_named(
    names: Path, install: Callable[..., object]
) -> None:
    install(
        ABILITIES.replace(', out=params["u"])', ")").replace("np.clip(", 'params["u"] = np.clip(')
    )
    session = rnnx.build(tiny(names, "cell=bounded"))
    with pytest.raises(PluginError, match="replaced an array; change it in place"):
        session.step()


@pytest.mark.parametrize("reduction", ["token", "sequence"])
@pytest.mark.parametrize("cell", ["lstm", "vanilla"])
def test_accumulated_batches_are_one_batch(reduction: str, cell: str, names: Path) -> None:
    own = [f"head.reduction={reduction}", f"cell={cell}", "dtype=float64", "optimizer=adam"]
    own += ["clipper=none", "layers=2", "backend=numpy"]
    one = rnnx.build(tiny(names, *own, "batch_size=12"))
    three = rnnx.build(tiny(names, *own, "batch_size=4", "accumulate=3"))
    for step in range(1, 6):
        assert three.step() == pytest.approx(one.step(), rel=1e-10)
        assert three.steps == step
        assert three.metrics.tokens == one.metrics.tokens
        assert three.metrics.norm == pytest.approx(one.metrics.norm, rel=1e-9)
    np.testing.assert_allclose(three.params.flat, one.params.flat, rtol=1e-8, atol=1e-10)


def test_accumulated_batches_of_a_stream_carry_the_state_on(names: Path) -> None:
    own = ["dataset=text", f"dataset.path={names}", "dataset.length=8", "dtype=float64"]
    own = [*tiny(names)[:-2], *own, "optimizer=sgd", "optimizer.learning_rate=1e-12"]
    whole, parts = rnnx.build(own), rnnx.build([*own, "accumulate=3"])
    losses = [whole.step() for _ in range(6)]
    assert parts.step() == pytest.approx(np.mean(losses[:3]), rel=1e-9)
    assert parts.step() == pytest.approx(np.mean(losses[3:]), rel=1e-9)
    for one, other in zip(whole.states, parts.states, strict=True):
        np.testing.assert_allclose(one[0], other[0], rtol=1e-9, atol=1e-12)


def test_swa_is_the_mean_of_all_parameters_from_an_update_on(names: Path) -> None:
    more = ["average=swa", "average_from=4", "dtype=float64", "averaging=0.9"]
    session = rnnx.build(tiny(names, *more))
    found = []
    for step in range(1, 11):
        session.step()
        found.append(session.params.flat.copy())
        expected = np.mean(found[3:], axis=0) if step > 4 else found[-1]
        np.testing.assert_allclose(session.average.flat, expected, rtol=1e-12, atol=1e-15)
    assert session.average.flat.tobytes() != session.params.flat.tobytes()


def test_swa_is_the_model_of_a_run(names: Path) -> None:
    overrides = tiny(names, "average=swa", "average_from=3", "optimizer.learning_rate=0.1")
    run = train(compose(overrides), Silent(), overrides)
    assert run.model.evaluate().loss == pytest.approx(run.metrics["best/val_loss"], abs=1e-12)
    stored = checkpoints.read(run.folder.best)
    for name, array in run.model.params.leaves():
        assert array.tobytes() == stored.tensors[f"average/{name}"].tobytes()


def test_ema_by_name_is_ema_by_its_decay_alone(names: Path) -> None:
    one, two, none = (
        rnnx.build(tiny(names, *more))
        for more in (
            ["averaging=0.9"],
            ["averaging=0.9", "average=ema"],
            ["averaging=0.9", "average=none"],
        )
    )
    for _ in range(5):
        for session in (one, two, none):
            session.step()
    assert one.average.flat.tobytes() == two.average.flat.tobytes()
    assert none.average is none.params
