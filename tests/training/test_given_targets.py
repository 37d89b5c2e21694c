"""Runs whose targets are not the next symbol: classes, values and bits, finite and endless."""

import math
import os
import signal
from collections.abc import Callable
from importlib.metadata import EntryPoint

import numpy as np
import pytest
from run_equality import assert_same_run
from sequence_tasks import HEADS, TASKS

from rnnx.cli.models import evaluate, sample
from rnnx.config.compose import compose
from rnnx.contracts.buffers import Scratch
from rnnx.data.digest import split_sha256
from rnnx.errors import ConfigError
from rnnx.models.load import find_model
from rnnx.runs.folder import RunFolder
from rnnx.runs.metrics_file import read_history
from rnnx.testing import datasets
from rnnx.testing.suite import NotApplicable, conduct
from rnnx.training.report import Silent
from rnnx.training.resume import resume
from rnnx.training.run import Run, train
from rnnx.training.session import Session

SMALL = ["tracker=none", "cell.hidden_size=6", "batch_size=4", "dropout=0", "layers=2"]
PROBES = "probe=[gradient_by_lag,gradient_norms,distributions,saturation,hidden_units]"


@pytest.fixture(autouse=True)
def tasks(install: Callable[..., EntryPoint]) -> None:
    """The tasks are installed."""
    install(TASKS)


def chosen(task: str, *more: str) -> list[str]:
    return [*SMALL, f"dataset={task}", f"head={HEADS[task]}", *more]


def run(task: str, *more: str) -> Run:
    every = ["steps=12", "eval_every=4", "log_every=2", "checkpoint.every=5"]
    return train(compose(chosen(task, *every, *more)), Silent())


@pytest.mark.parametrize("task", HEADS)
def test_the_gradient_of_a_stack_equals_central_differences(task: str) -> None:
    overrides = chosen(task, "dtype=float64", "averaging=0", "backend=numpy")
    session = Session(compose([*overrides, "input_dropout=0"]))
    network, params, batch = session.network, session.params, session.batches.next()
    assert batch.lengths is not None

    def forward() -> tuple[float, object, object, object, Scratch]:
        scratch = Scratch()
        states = network.initial_state(4, np.float64)
        h, _, caches = network.forward(params, batch.x, states, batch.lengths, scratch)
        learned = batch.y, batch.lengths, scratch, batch.weights
        loss, _, cache = network.loss(params, h, *learned)
        return loss, h, caches, cache, scratch

    _, h, caches, cache, scratch = forward()
    dhead, dh = network.loss_gradient(params, cache, h, scratch)
    found = {**network.backward(params, caches, dh, scratch), "head": dhead}
    found = {part: {k: v.copy() for k, v in own.items()} for part, own in found.items()}
    rng, step = np.random.default_rng(0), 1e-6
    for part, own in params.items():
        for name, array in own.items():
            for _ in range(2):
                place = tuple(rng.integers(0, n) for n in array.shape)
                before, losses = array[place], []
                for sign in (1, -1):
                    array[place] = before + sign * step
                    losses.append(forward()[0])
                array[place] = before
                numeric = (losses[0] - losses[1]) / (2 * step)
                assert found[part][name][place] == pytest.approx(numeric, rel=1e-5, abs=1e-8)


class Stop(Silent):
    """Stops the run after a step, as Ctrl-C does."""

    def __init__(self, step: int) -> None:
        self.step = step

    def progress(self, session: Session, tokens_per_s: float) -> None:
        if session.steps >= self.step:
            os.kill(os.getpid(), signal.SIGINT)
            self.step = 10**9


@pytest.mark.parametrize("task", ["copying", "adding_up"])
def test_a_run_that_was_stopped_and_resumed_is_the_run_that_never_was(task: str) -> None:
    more = ["steps=12", "eval_every=4", "log_every=2", "checkpoint.every=5"]
    more += [PROBES] if task == "copying" else []
    command = chosen(task, *more, "averaging=0.9", "dropout=0.25")
    whole = train(compose(command), Silent())
    stopped = train(compose(command), Stop(6))
    assert stopped.status == "KILLED"
    resumed = resume(stopped.folder, Silent())
    assert resumed.status == "FINISHED"
    assert_same_run(resumed.folder, whole.folder)


def test_examples_without_end_are_held_out_alike_whatever_the_seed() -> None:
    one, two = (Session(compose(chosen("copying", f"seed={seed}"))) for seed in (0, 1))
    assert one.corpus.val is not None
    assert split_sha256(one.corpus) == split_sha256(two.corpus)
    first, second = one.batches.next(), two.batches.next()
    assert first.x.shape != second.x.shape or (first.x != second.x).any()


def test_what_does_not_count_is_in_no_metric() -> None:
    session = Session(compose(chosen("copying", "dtype=float64", "averaging=0")))
    found = session.measure()
    assert found is not None
    network, params, val = session.network, session.params, session.corpus.val
    total = weight = right = 0.0
    for i in range(len(val)):  # one by one, without padding
        one = slice(int(val.starts[i]), int(val.starts[i] + val.lengths[i]))
        states = network.initial_state(1, np.float64)
        x = val.ids[one, None]
        h, _, _ = network.forward(params, x, states, None, Scratch())
        z = network.head.logits(params["head"], h, Scratch())[:, :, 0]
        log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        counts = val.weights[one] > 0
        total -= log_p[np.arange(len(z)), val.y[one]][counts].sum()
        right += (z.argmax(axis=1) == val.y[one])[counts].sum()
        weight += counts.sum()
    assert found.loss == pytest.approx(total / weight, rel=1e-10)
    assert found.metrics["accuracy"] == pytest.approx(right / weight)
    assert val.tokens == weight == 40 * 3


def test_values_are_measured_in_their_unit() -> None:
    session = Session(compose(chosen("adding_up", "dtype=float64", "averaging=0")))
    found, val = session.measure(), session.corpus.val
    assert found is not None
    network, errors = session.network, []
    for i in range(len(val)):
        one = slice(int(val.starts[i]), int(val.starts[i] + val.lengths[i]))
        x = val.features[one].T[None].transpose(2, 1, 0).astype(float)
        h, _, _ = network.forward(
            session.params, x, network.initial_state(1, np.float64), None, Scratch()
        )
        head = session.params["head"]
        guess = (head["Wy"] @ h[-1] + head["by"])[0, 0]
        errors.append(0.5 * (guess - val.y[i, 0]))  # of the unit; the deviation is 0.5
    assert found.metrics["mse"] == pytest.approx(np.mean(np.square(errors)), rel=1e-9)
    assert found.metrics["mae"] == pytest.approx(np.mean(np.abs(errors)), rel=1e-9)
    nats = np.mean(np.square(errors)) / 0.25 / 2 + 0.5 * math.log(2 * math.pi)
    assert found.loss == pytest.approx(nats, rel=1e-9)


def test_a_head_that_does_not_fit_is_refused_with_those_that_do() -> None:
    with pytest.raises(ConfigError) as found:
        Session(compose([*SMALL, "dataset=roll", "head=softmax"]))
    assert str(found.value) == "head=softmax: does not take 5 bits a step; choose head=bernoulli"
    with pytest.raises(ConfigError, match="choose head=absolute or head=gaussian"):
        Session(compose([*SMALL, "dataset=adding_up", "head=bernoulli"]))
    with pytest.raises(
        ConfigError, match=r"head=gaussian: does not take the next symbol; .*softmax"
    ):
        Session(compose([*SMALL, "head=gaussian"]))


OLD_HEAD = """
    from dataclasses import dataclass
    import numpy as np
    import rnnx

    @dataclass(frozen=True)
    class Old:
        def init(self, rng, n_a, n_y, dtype):
            return {"Wy": rng.normal(scale=0.1, size=(n_y, n_a)).astype(dtype)}

        def logits(self, params, h, scratch):
            return params["Wy"] @ h

        def forward(self, params, h, y, lengths, scratch):
            z = self.logits(params, h, scratch)
            z = z - z.max(axis=1, keepdims=True)
            p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
            inside = np.arange(len(h))[:, None] < (len(h) if lengths is None else lengths)
            nats = np.where(inside, -np.log(np.take_along_axis(p, y[:, None], axis=1)[:, 0]), 0)
            dz = p.copy()
            t, b = np.indices(y.shape)
            dz[t, y, b] -= 1
            dz *= (inside / inside.sum())[:, None].astype(h.dtype)
            return float(nats.sum() / inside.sum()), nats, (h, dz.astype(h.dtype))

        def backward(self, params, cache, scratch):
            h, dz = cache
            return {"Wy": np.einsum("tyb,tab->ya", dz, h)}, params["Wy"].T @ dz

    @rnnx.hookimpl
    def register_heads(register):
        register("old", Old)
"""


def test_a_head_of_before_takes_classes_a_step_that_count_alike(
    install: Callable[..., EntryPoint],
) -> None:
    install(OLD_HEAD, "old")
    made = train(
        compose([*SMALL, "dataset=tags", "dataset.weighted=false", "head=old", "steps=4"]), Silent()
    )
    assert 0 <= made.metrics["final/val_accuracy"] <= 1
    with pytest.raises(ConfigError, match="some of which count more than others; choose head=soft"):
        Session(compose([*SMALL, "dataset=tags", "head=old"]))


@pytest.mark.parametrize("task", ["copying", "roll"])
def test_a_run_is_measured_again_as_it_was(task: str) -> None:
    made = run(task, "input_dropout=0.2")
    history = read_history(made.folder.metrics)
    assert not any(key.startswith("samples/") for key in history)
    assert "val/bits_per_char" not in history and "final/baseline_loss" not in history
    assert ("final/train_loss" in history) == (task != "copying")
    found = find_model(made.run_id).evaluate()
    step = made.metrics["best/step"]
    then = {
        k: next(p.value for p in v if p.step == step)
        for k, v in history.items()
        if "val/" in k and k != "best/val_loss"
    }
    assert found.loss == pytest.approx(then.pop("val/loss"), rel=1e-5)
    assert {f"val/{k}": pytest.approx(v, rel=1e-4) for k, v in found.metrics.items()} == then
    told = dict(evaluate(made.run_id, []))
    assert "perplexity" not in told and told["loss"].split(" ", 1)[1] == found.unit
    assert not RunFolder(made.folder.path).samples.exists()


def test_what_is_about_texts_is_refused_in_one_line() -> None:
    made = run("tags")
    model = find_model(made.run_id)
    calls: list[Callable[[], object]] = [
        lambda: model.sample(1),
        lambda: model.score(["abc"]),
        lambda: model.surprise(["abc"]),
        lambda: model.evaluate(ngram=0.2),
        lambda: sample(made.run_id, 1, "", None, [], None, 0),
    ]
    for call in calls:
        with pytest.raises(ConfigError, match="predicts 2 classes a step, not the next symbol"):
            call()


def test_settings_about_texts_are_left_out_and_said_so() -> None:
    session = Session(compose(chosen("tags", "input_dropout=0.2", "crossover=0.1")))
    assert session.network.input_dropout == 0
    assert session.notes == [
        "left out: input_dropout, crossover, which are about the next symbol of a text"
    ]


@pytest.mark.parametrize("task", HEADS)
def test_the_kit_takes_the_data_sets(task: str) -> None:
    component = Session(compose(chosen(task))).components.dataset
    left = []
    for check in datasets.CHECKS:
        if check.__name__ in ("check_other_process", "check_history"):
            continue  # slow; the kit's own tests have them
        try:
            conduct(check, component)
        except NotApplicable:
            left.append(check.__name__)
    texts = {"check_vocabulary", "check_shift", "check_examples", "check_grammar", "check_show"}
    assert texts <= set(left)
    assert ("check_endless" in left) == (task != "copying")
