"""The built-in probes, and the kit that checks them."""

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from mutants import assert_all_caught, mutant

import rnnx
from rnnx.config.components import component_from
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.probes import Findings
from rnnx.errors import ConfigError
from rnnx.models.network import Network
from rnnx.runs.folder import RunFolder
from rnnx.runs.metrics_file import read_history
from rnnx.runs.tracking import Tracking
from rnnx.testing import ProbeSuite, probes
from rnnx.testing.suite import NotApplicable, conduct
from rnnx_builtin.cells.gru import GRU
from rnnx_builtin.cells.lstm import LSTM
from rnnx_builtin.cells.vanilla import Vanilla
from rnnx_builtin.probes.distributions import Distributions
from rnnx_builtin.probes.gradient_by_lag import GradientByLag, norms_by_lag
from rnnx_builtin.probes.gradient_norms import GradientNorms
from rnnx_builtin.probes.hidden_units import HiddenUnits
from rnnx_builtin.probes.memory_horizon import MemoryHorizon, changes_by_lag
from rnnx_builtin.probes.saturation import Saturation, by_unit, gates_of
from rnnx_builtin.trackers.none import NoLog


class TestAll(ProbeSuite):
    components = (
        Distributions(),
        GradientNorms(),
        GradientByLag(),
        HiddenUnits(),
        MemoryHorizon(),
        Saturation(),
    )


def test_norms_are_those_of_each_parameter() -> None:
    seen = probes.observation()
    found = GradientNorms().observe(seen)
    expected = np.sqrt(np.sum(seen.grads["layer0"]["Wh"] ** 2))
    np.testing.assert_allclose(found.metrics["gradients/layer0.Wh"], expected)


def test_the_gradient_by_lag_is_that_of_finite_differences() -> None:
    seen = probes.observation()
    network, cell = seen.network, seen.network.cell
    x, y = seen.x[:, :1], seen.y[-1:, :1]  # the one column that is as long as the batch
    below = Network(cell, network.head, network.n_symbols, layers=1)
    h0, _, _ = below.forward(seen.params, x, below.initial_state(1, float), None, Scratch())

    def loss(lag: int, h: np.ndarray, rest: tuple) -> float:
        """Of the last symbol, with the state after step T − 1 − lag replaced."""
        state = (h, *rest)
        inputs = h0[len(x) - lag :]
        if len(inputs):
            _, state, _ = cell.forward(seen.params["layer1"], inputs, state, None, Scratch())
        head = seen.params["head"]
        return network.head.forward(head, state[0][None], y, None, Scratch())[0]

    norms = norms_by_lag(seen)
    assert len(norms) == len(x)
    for lag in (0, 1, 3):
        state = cell.initial_state(1, float)
        _, state, _ = cell.forward(
            seen.params["layer1"], h0[: len(x) - lag], state, None, Scratch()
        )
        h, *rest = (part.copy() for part in state)
        slopes = []
        for i in range(len(h)):
            up, down = h.copy(), h.copy()
            up[i] += 1e-5
            down[i] -= 1e-5
            slopes.append((loss(lag, up, rest) - loss(lag, down, rest)) / 2e-5)
        np.testing.assert_allclose(norms[lag], np.linalg.norm(slopes), rtol=1e-6)


def test_the_memory_horizon_is_that_of_inputs_changed_one_by_one() -> None:
    seen = probes.observation()
    network, x = seen.network, seen.x[:, :1]  # the one column that is as long as the batch
    lags, changes = changes_by_lag(seen)
    assert lags.tolist() == list(range(len(x)))

    def last(x: np.ndarray) -> np.ndarray:
        states = network.initial_state(1, float)
        return network.forward(seen.params, x, states, None, Scratch())[0][-1]

    for lag in range(len(x)):
        other = x.copy()
        other[-1 - lag] = (other[-1 - lag] + 1) % network.n_symbols
        change = np.linalg.norm(last(other) - last(x)) / np.linalg.norm(last(x))
        np.testing.assert_allclose(changes[lag], change, rtol=1e-9)
    found = MemoryHorizon(threshold=1e-9).observe(seen)
    assert found.metrics["memory_horizon/steps"] == len(x) - 1
    np.testing.assert_allclose(found.metrics["memory_horizon/change_002"], changes[2])
    rows = found.files["change.csv"].decode().splitlines()
    assert rows[0] == "lag,change" and len(rows) == 1 + len(lags)


def test_a_network_without_recurrence_has_no_memory() -> None:
    seen = observed(Vanilla(4))
    for layer in ("layer0", "layer1"):
        seen.params[layer]["Wh"][:] = 0
    lags, changes = changes_by_lag(seen)
    assert changes[0] > 0 and (changes[lags > 0] == 0).all()
    metrics = MemoryHorizon().observe(seen).metrics
    assert metrics["memory_horizon/steps"] == 0 == metrics["memory_horizon/change_001"]


def observed(cell: object) -> object:
    """The kit's step, but of two layers of ``cell``."""
    seen = probes.observation()
    network = Network(cell, seen.network.head, seen.network.n_symbols, layers=2)
    params = network.init(np.random.default_rng(0), np.float64)
    return seen._replace(network=network, params=params)


def test_saturation_is_the_fraction_of_gates_that_are_closed_or_open() -> None:
    seen = observed(LSTM(4))
    for part in ("layer0", "layer1"):
        seen.params[part]["b"][:4] = 50.0  # i is open
        seen.params[part]["b"][4:8] = -50.0  # f is closed
        seen.params[part]["b"][8:12] = 0.0
    metrics = Saturation().observe(seen).metrics
    assert metrics["saturation/layer1.i.right"] == 1
    assert metrics["saturation/layer1.f.left"] == 1
    assert metrics["saturation/layer0.f.right"] == 0
    assert metrics["saturation/layer0.o.left"] < 0.5
    assert gates_of(observed(GRU(4)))[1].keys() == {"r", "z"}
    assert set(Saturation().observe(observed(Vanilla(4))).metrics) == {
        "saturation/layer0.h.right",
        "saturation/layer1.h.right",
    }


def test_distributions_are_quantiles_of_what_is_valid() -> None:
    seen = observed(LSTM(4))
    metrics = Distributions().observe(seen).metrics
    names = {key.partition("/")[0] for key in metrics}
    assert {key.partition("/")[2] for key in metrics} == {"q10", "q25", "q50", "q75", "q90"}
    assert len(metrics) == 5 * len(names)
    kinds = {name.partition(".")[0] for name in names}
    assert kinds == {"activations", "gates", "gradients", "weights"}
    assert {"gates.layer1.f", "activations.layer0", "gradients.layer0.Wh"} <= names
    grads = np.sort(seen.grads["layer0"]["Wh"].ravel())
    below = np.mean(grads < metrics["gradients.layer0.Wh/q25"])
    assert below == pytest.approx(0.25, abs=1 / len(grads))
    assert metrics["weights.layer0.Wh/q50"] == np.median(seen.params["layer0"]["Wh"])
    # What stands beyond the end of a column counts nowhere: h is 0 there, a closed gate is not.
    lengths = seen.lengths
    assert lengths is not None and lengths.min() < len(seen.x)
    states = seen.network.initial_state(seen.x.shape[1], float)
    h, _, _ = seen.network.forward(seen.params, seen.x, states, lengths, Scratch())
    values = np.concatenate([h[:n, :, b].ravel() for b, n in enumerate(lengths)])
    assert metrics["activations.layer1/q90"] == pytest.approx(np.quantile(values, 0.9))
    plain = Distributions().observe(observed(Vanilla(4))).metrics
    assert not any(key.startswith("gates") for key in plain)


def test_steps_beyond_a_length_do_not_count() -> None:
    values = np.zeros((4, 2, 3))
    values[2:, :, 1] = 1.0
    left, right = by_unit(values, np.array([4, 2, 1]))
    np.testing.assert_allclose((left, right), [[1, 1], [0, 0]])


def test_the_heat_map_is_of_the_longest_example_and_the_units_that_move() -> None:
    seen = probes.observation()
    seen.x[0, 0] = -1
    h, characters, units = HiddenUnits(units=3, length=4).select(seen)
    assert characters == ["▸", *("abcdef"[i] for i in seen.x[1:4, 0])]
    moves = seen.h[:4, :, 0].std(axis=0)
    assert set(units) == set(np.argsort(-moves)[:3])
    np.testing.assert_array_equal(h, seen.h[:4, units, 0].T)


@dataclass(frozen=True)
class Closing:
    """A probe that looks at a run's end."""

    found: Any
    every: int = 1

    def observe(self, seen):
        return Findings({"a": 1.0}, {})

    def conclude(self, outcome):
        return self.found(outcome)


def refuses_at_length(outcome):
    raise ConfigError("two\nlines")


def refuses(outcome):
    raise ConfigError("probe=closing: not on this data")


def test_a_conclusion_may_refuse_a_data_set() -> None:
    probes.check_conclusion(Closing(refuses))
    probes.check_conclusion(Closing(lambda o: Findings({"n": float(o.seed)}, {}, {"a.txt": b"x"})))


def test_what_a_probe_concludes_is_kept(monkeypatch, tmp_path) -> None:
    """Metrics as bars, at step 0, files in a folder of the probe's name; in the tracker too."""
    monkeypatch.chdir(tmp_path)

    def end(self, outcome):
        return Findings({"end/symbols": float(len(outcome.corpus.vocabulary))}, {}, {"a.txt": b"x"})

    monkeypatch.setattr(GradientNorms, "conclude", end, raising=False)
    run = rnnx.train(["probe=[gradient_norms]", "steps=2", "layers=1", "cell.hidden_size=4"])
    assert run.metrics["end/symbols"] == 27
    assert (run.folder.path / "probes/gradient_norms/a.txt").read_bytes() == b"x"
    tracker = component_from("tracker", {"name": "mlflow"})
    assert tracker.fetch(run.run_id, "gradient_norms/a.txt", tmp_path).read_bytes() == b"x"
    assert [point.step for point in tracker.history(run.run_id, "end/symbols")] == [0]


def test_a_metric_of_a_runs_end_has_a_course_where_the_run_went_on(tmp_path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()

    def concluded(step: int, **metrics: float) -> dict[str, list[tuple[int, float]]]:
        tracking = Tracking(lambda: NoLog("a"), folder, print)
        tracking.point("by_step", 3.0, step)
        tracking.findings("p", Findings(metrics), step, is_conclusion=True)
        tracking.finish("KILLED")
        history = read_history(folder.metrics)
        return {key: [(p.step, p.value) for p in history[key]] for key in metrics}

    assert concluded(5, solo=1.0, odd=math.nan)["solo"] == [(0, 1.0)]
    again = concluded(5, solo=1.0, odd=math.nan)  # killed before its end was written
    assert again["solo"] == [(0, 1.0)] and len(again["odd"]) == 1
    assert concluded(9, solo=2.0, by_step=7.0) == {
        "solo": [(0, 1.0), (9, 2.0)],  # resumed to more steps
        "by_step": [(5, 3.0), (9, 3.0)],  # this step has its value
    }


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (lambda self, outcome: 1 / 0, "gradient_norms of rnnx"),
        (lambda self, outcome: {"a": 1.0}, "conclude returned dict"),
        (lambda self, outcome: Findings({}, {}, {"../a": b"x"}), "a file's name"),
        (lambda self, outcome: refuses(outcome), "not on this data"),
    ],
)
def test_a_conclusion_that_fails_is_a_warning(end, reason, monkeypatch, tmp_path, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(GradientNorms, "conclude", end, raising=False)
    few = ["probe=[gradient_norms]", "steps=2", "layers=1", "cell.hidden_size=4", "tracker=none"]
    run = rnnx.train(few)
    assert run.status == "FINISHED" and "best/val_loss" in run.metrics
    assert reason in " ".join(capsys.readouterr().err.split())


def test_a_probe_may_use_the_first_names_of_metrics_and_images() -> None:
    """``figures`` and ``pictures``, as keywords and as attributes."""
    png = next(iter(GradientByLag().observe(probes.observation()).images.values()))
    found = Findings(figures={"a": 1.0}, pictures={"b": png})
    assert found == Findings({"a": 1.0}, {"b": png}, {})
    assert (found.figures, found.pictures) == ({"a": 1.0}, {"b": png})
    probe = mutant(GradientNorms(), observe=lambda inner, seen: found)
    for check in probes.CHECKS:
        with suppress(NotApplicable):
            conduct(check, probe)


def test_the_kit_catches_each_fault() -> None:
    right = GradientNorms()

    def damages(inner, seen):
        seen.grads.flat[:] = 0
        return inner(seen)

    def lengthens(inner, seen):
        seen.lengths[:] = len(seen.x)
        return inner(seen)

    def draws_elsewhere(inner, seen):
        np.random.rand()
        return inner(seen)

    zero = mutant(right)
    object.__setattr__(zero, "every", 0)
    assert_all_caught(
        probes,
        {
            "check_findings": [
                mutant(right, observe=lambda inner, seen: Findings({}, {})),
                mutant(right, observe=lambda inner, seen: Findings({"a b": 1.0}, {})),
                mutant(right, observe=lambda inner, seen: Findings({"a": 1}, {})),
                mutant(right, observe=lambda inner, seen: Findings(figures={"a": 1})),
                mutant(right, observe=lambda inner, seen: Findings({}, {"a": b"GIF89a"})),
                mutant(right, observe=lambda inner, seen: Findings(pictures={"a": b"GIF89a"})),
                mutant(right, observe=lambda inner, seen: Findings({}, {"../A": b""})),
            ],
            "check_changes_nothing": [
                mutant(right, observe=damages),
                mutant(right, observe=lengthens),
            ],
            "check_determinism": [
                mutant(right, observe=lambda inner, s: Findings({"a": np.random.rand()}, {})),
                mutant(right, observe=draws_elsewhere),
            ],
            "check_every": [zero],
            "check_conclusion": [
                Closing(lambda o: Findings({"a": float(np.random.rand())}, {})),
                Closing(lambda o: Findings({}, {}, {"a": np.random.bytes(9)})),
                Closing(lambda o: Findings({}, {}, {"../a": b""})),
                Closing(lambda o: Findings({}, {}, {"a": "text"})),
                Closing(lambda o: Findings({"a": o.model.params.flat.__imul__(2)[0].item()}, {})),
                Closing(refuses_at_length),
            ],
        },
    )
