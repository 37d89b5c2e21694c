"""A third-party component names initializers: each is checked, and the run says whose it is."""

from collections.abc import Callable
from importlib.metadata import EntryPoint

import numpy as np
import pytest
from third_party import EVERY_KIND

import rnnx
from rnnx.config.compose import compose
from rnnx.config.identity import initializers_of, versions
from rnnx.errors import RnnxError
from rnnx.registry.description import describe
from rnnx.training.session import Session
from rnnx.training.tags import run_tags

CELL = """
    @rnnx.unroll
    @dataclass(frozen=True)
    class Cell:
        hidden_size: int = 4
"""
INIT = "return {k: rng.normal(scale=0.3, size=s).astype(dtype) for k, s in shapes.items()}"

# How a cell may have its fields, and where they stand then.
FIELDS = {
    "a field": (CELL + '        start: rnnx.InitializerSpec = "fill"\n', "start"),
    "a nested one": (
        """
    @dataclass(frozen=True)
    class Begin:
        recurrent: rnnx.InitializerSpec = "fill"
"""
        + CELL
        + "        begin: Begin = Begin()\n",
        "begin.recurrent",
    ),
    "weights of any type": (
        """
    @dataclass(frozen=True)
    class Weights:
        start: str = "fill"
"""
        + CELL
        + "        weights: Weights = Weights()\n",
        "weights.start",
    ),
}


@pytest.fixture(params=FIELDS)
def field(request: pytest.FixtureRequest, install: Callable[..., EntryPoint]) -> str:
    """A cell's field that names the plugin's own initializer, and where it stands."""
    cell, field = FIELDS[request.param]
    fill = f"return {{k: rnnx.fill(self.{field}, rng, s, dtype) for k, s in shapes.items()}}"
    install(EVERY_KIND.replace(CELL, cell).replace(INIT, fill))
    return field


def test_the_named_initializer_fills(field: str) -> None:
    config = compose(["cell=plain", "dataset=data", "batch_size=3", "tracker=none"])
    assert not Session(config).params["layer0"]["Wh"].any()
    config = compose(["cell=plain", "dataset=data", "batch_size=3", f"cell.{field}=orthogonal"])
    Wh = Session(config).params["layer0"]["Wh"]
    np.testing.assert_allclose(Wh @ Wh.T, np.eye(4), atol=1e-6)


@pytest.mark.parametrize("value", ["nope", "null", "[1]", "{name:normal,scale:-1}"])
def test_a_wrong_name_is_refused_before_anything_starts(field: str, value: str) -> None:
    with pytest.raises(RnnxError, match=rf"^cell\.{field}[.=:]"):
        compose(["cell=plain", f"cell.{field}={value}"])


def test_the_run_says_whose_it_is(field: str) -> None:
    config = compose(["cell=plain", "dataset=data", "batch_size=3", "tracker=none"])
    place = f"cell.{field.removeprefix('weights.')}"
    tags = run_tags(Session(config))
    assert tags[f"owner.initializer.{place}"] == "acme 1.0"
    assert tags["owner.initializer.head.output"].startswith("rnnx ")
    config = compose(["cell=lstm", "cell.weights.bias=fill"])
    assert dict(initializers_of(config))["cell.bias"] == "fill"
    assert versions(config)["acme"] == "1.0"


def test_its_description_names_the_field(field: str, capsys: pytest.CaptureFixture[str]) -> None:
    describe("initializer", "fill")
    assert f"cell.{field}" in capsys.readouterr().out


def test_the_type_is_public() -> None:
    assert rnnx.InitializerSpec is not None
