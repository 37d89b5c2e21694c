"""A component that breaks its contract while it works is named, with what was expected."""

from collections.abc import Callable
from importlib.metadata import EntryPoint

import numpy as np
import pytest
from third_party import EVERY_KIND

import rnnx
from rnnx.errors import Diverged, PluginError

CHOSEN = [
    "dataset=data",
    "cell=plain",
    "clipper=clip",
    "optimizer=descent",
    "schedule=rate",
    "sampler=choice",
    "tracker=none",
    "batch_size=3",
    "backend=numpy",
]


def with_method(text: str) -> tuple[str, str]:
    """EVERY_KIND's cell by a method of its own, which calls what unroll made as ``right``."""
    own = (
        "\n    right_{0} = Cell.{0}\n    def {0}(self, *given):\n        {1}\n    Cell.{0} = {0}\n"
    )
    name, body = text.split(": ", 1)
    return "    @dataclass(frozen=True)\n    class Data:", own.format(
        name, body
    ) + "\n    @dataclass(frozen=True)\n    class Data:"


# What is broken: (text of EVERY_KIND, its replacement) and words of the error.
BROKEN = {
    "init raises": (
        ("n = self.hidden_size\n", "n = self.hidden_sizes\n"),
        "cell plain of acme 1.0: init: raised AttributeError",
    ),
    "init of another type": (
        with_method(
            "init: return {k: v.astype(float) for k, v in right_init(self, *given).items()}"
        ),
        "init: Wx is (4, 4) of float64, expected (4, 4) of float32",
    ),
    "init of nan": (
        with_method("init: return {k: v * np.nan for k, v in right_init(self, *given).items()}"),
        "init: Wx holds nan",
    ),
    "init of nothing": (with_method("init: pass"), "init: returned no dict of arrays by name"),
    "state of nothing": (
        with_method("initial_state: return None"),
        "initial_state returned NoneType, expected a tuple, h first",
    ),
    "state of a wrong shape": (
        with_method("initial_state: return (np.zeros((2, 2), 'float32'),)"),
        "initial_state: part 0 is (2, 2) of float32, expected (4, 1) of float32",
    ),
    "forward raises": (
        ('params["Wh"] @ state[0]', 'params["Wh"] @ state[0][:1]'),
        "cell plain of acme 1.0: forward: raised ValueError: matmul",
    ),
    "forward exits": (("h = np.tanh(", "raise SystemExit(3); h = np.tanh("), "SystemExit: 3"),
    "forward of nothing": (
        with_method("forward: right_forward(self, *given)"),
        "forward returned NoneType, expected (h, state, cache)",
    ),
    "forward of two": (
        with_method("forward: return right_forward(self, *given)[:2]"),
        "forward returned 2 parts, expected (h, state, cache)",
    ),
    "h of a wrong shape": (
        with_method("forward: h, s, c = right_forward(self, *given); return h[:, :2], s, c"),
        "forward: h is (",
    ),
    "h of another type": (
        with_method("forward: h, s, c = right_forward(self, *given); return h.astype(float), s, c"),
        "of float64, expected",
    ),
    "h of nan": (("h = np.tanh(", "h = np.nan * np.tanh("), "h is nan at step 0, unit 0, column 0"),
    "final state of a list": (
        with_method("forward: h, s, c = right_forward(self, *given); return h, [*s], c"),
        "final state is list, expected a tuple of 1 arrays",
    ),
    "inputs changed": (
        with_method("forward: given[0]['Wh'] *= 2; return right_forward(self, *given)"),
        "a component must not change what it is given",
    ),
    "backward raises": (("dz = dstate[0]", "dz = dstate[7]"), "backward: raised IndexError"),
    "a gradient left out": (
        (', "b": dz.sum(1, keepdims=True)}\n', "}\n"),
        "returned nothing for parameter b",
    ),
    "a gradient of a wrong shape": (
        ("dz.sum(1, keepdims=True)", "dz.sum(1)"),
        "shape (4,) for parameter b, expected shape (4, 1)",
    ),
    "gradients too wide": (
        with_method(
            "backward: d, *r = right_backward(self, *given); "
            "return ({k: v.astype(float) for k, v in d.items()}, *r)"
        ),
        "backward: dWx is (4, 4) of float64, expected (4, 4) of float32",
    ),
    "one gradient too many": (
        with_method(
            "backward: d, *r = right_backward(self, *given); return ({**d, 'Wz': d['Wx']}, *r)"
        ),
        "there is a gradient for Wz, which is no parameter; they are Wx, Wh, b",
    ),
    "a gradient of nan": (
        ('"Wh": dz @ before.T', '"Wh": dz @ before.T * np.nan'),
        "backward of layer 0: dWh is nan, dh and the loss are finite",
    ),
    "no corpus": (
        (
            "return rnnx.Corpus(",
            "return (",
        ),
        "load returned tuple, expected rnnx.Corpus",
    ),
    "data that raises": (('"abc", "ab"', '"abd", "ab"'), "d not in the model's vocabulary"),
    "ids outside": (
        ("train, val =", "everything.ids[:] = 9; train, val ="),
        "the vocabulary has",
    ),
    "a factor of nan": (("return 1.0", "return float('nan')"), "factor(1) returned nan, expected"),
    "a factor of nothing": (("return 1.0", "return None"), "factor(1) returned None, expected"),
    "a factor below 0": (("return 1.0", "return -1"), "factor(1) returned -1, expected"),
    "an optimizer's copy": (
        ("params.flat -= rate", "params.flat = params.flat - rate"),
        "update: replaced params.flat",
    ),
    "an optimizer's nothing": (
        ("return {}\n", "return None\n"),
        "init: returned NoneType, expected a dict of arrays by name",
    ),
    "an update that raises": (("* grads.flat", "* grads.flt"), "update: raised AttributeError"),
    "a clipper that raises": (("return False", "return 1 / 0"), "clip: raised ZeroDivisionError"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_component_is_named(case: str, install: Callable[..., EntryPoint]) -> None:
    (old, new), words = BROKEN[case]
    assert EVERY_KIND.count(old) == 1, old
    install(EVERY_KIND.replace(old, new))
    with pytest.raises(Exception) as caught:
        session = rnnx.build(CHOSEN)
        session.step()
        session.step()
    message = str(caught.value)
    assert words in message
    assert "\n" not in message
    if case != "data that raises":  # it says so by itself, in rnnx's own words
        assert isinstance(caught.value, PluginError)
        assert " of acme 1.0: " in message


def test_a_right_plugin_trains(install: Callable[..., EntryPoint]) -> None:
    install(EVERY_KIND)
    losses = [rnnx.build([*CHOSEN, "probe=[look]"]).step() for _ in range(3)]
    assert np.isfinite(losses).all()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("logits.argmax(axis=0) + 99", "sample returned ids "),
        ("logits.argmax(axis=0) - 1.5", "of float64, expected (2,) of whole numbers"),
        ("logits.argmax(axis=1)", "sample returned (4,) of int64, expected (2,)"),
        ("logits.argmx(axis=0)", "sample: raised AttributeError"),
        ("logits @ logits", "sample: raised ValueError"),
    ],
)
def test_a_broken_sampler_is_named(
    answer: str, words: str, install: Callable[..., EntryPoint]
) -> None:
    install(EVERY_KIND.replace("logits.argmax(axis=0)", answer))
    session = rnnx.build(CHOSEN)
    with pytest.raises(PluginError) as caught:
        session.sample(2)
    assert words in str(caught.value)
    assert "sampler choice of acme 1.0: " in str(caught.value)


PROBES = {
    "raises": ('rnnx.Findings({"look": 1.0}, {})', "1 / 0", "observe: raised ZeroDivisionError"),
    "nothing": ('rnnx.Findings({"look": 1.0}, {})', "None", "observe returned NoneType"),
    "words": ("1.0}", "'high'}", "look is str, expected float"),
    "a name": ('"look": 1.0', '"lo\\nok": 1.0', "cannot be a metric's name"),
    "no picture": ("}, {}", "}, {'a': b'GIF'}", "image a is no PNG's bytes"),
    "a path": ("}, {}", "}, {'../a': b''}", "an image's name has small letters"),
    "changes one": (
        "return rnnx.F",
        "seen.params['layer0']['Wh'][:] = 7; return rnnx.F",
        "read-only",
    ),
    "changes all": ("return rnnx.F", "seen.params.flat[:] = 7; return rnnx.F", "read-only"),
    "changes h": ("return rnnx.F", "seen.h[:] = 7; return rnnx.F", "read-only"),
}


@pytest.mark.parametrize("case", PROBES)
def test_a_broken_probe_costs_itself_alone(
    case: str, install: Callable[..., EntryPoint], capsys: pytest.CaptureFixture[str]
) -> None:
    old, new, words = PROBES[case]
    assert EVERY_KIND.count(old) == 1
    install(EVERY_KIND.replace(old, new))
    from rnnx.cli.hydra_app import main

    assert main([*CHOSEN, "probe=[look,gradient_norms]", "steps=4", "baseline=never"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("the run goes on without it") == 1
    assert words in said
    assert "probe look of acme 1.0: " in said


def test_a_probe_that_draws_leaves_the_generators(install: Callable[..., EntryPoint]) -> None:
    import random

    install(EVERY_KIND.replace("return rnnx.F", "np.random.rand(); return rnnx.F"))
    session = rnnx.build([*CHOSEN, "probe=[look]"])
    np.random.seed(3)
    random.seed(3)
    expected = np.random.RandomState(3).rand(), random.Random(3).random()
    session.step()
    assert [name for name, _ in session.observations()] == ["look"]
    assert (np.random.rand(), random.random()) == expected


def test_a_loss_that_grows_is_no_plugins_fault(install: Callable[..., EntryPoint]) -> None:
    install(EVERY_KIND)
    session = rnnx.build([*CHOSEN, "optimizer.learning_rate=1e38"])
    with pytest.raises(Diverged):
        for _ in range(50):
            session.step()


def test_the_command_line_names_it_in_one_line(
    install: Callable[..., EntryPoint],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from rnnx.cli.main import main

    install(EVERY_KIND.replace("dz = dstate[0]", "dz = dstate[7]"))
    monkeypatch.setattr("sys.argv", ["rnnx", "train", *CHOSEN, "steps=2"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("rnnx: cell plain of acme 1.0: backward: raised IndexError")
    assert "acme_module.py, line " in said
    assert "rnnx check cell plain" in said
    assert len(said.splitlines()) == 1
