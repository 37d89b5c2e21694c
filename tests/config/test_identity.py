"""What makes two configurations the same experiment."""

from collections.abc import Callable
from importlib.metadata import EntryPoint

import pytest
from third_party import EVERY_KIND

import rnnx
from rnnx.config.identity import config_hash, flat_params, versions

CONFIG = {
    "cell": {"name": "lstm", "hidden_size": 8},
    "optimizer": {"name": "adam", "learning_rate": 0.1},
    "seed": 3,
    "steps": 10,
    "probes": {},
    "tracker": {"name": "none"},
    "outputs": "outputs",
}


def test_the_hash_is_of_what_is_computed() -> None:
    found = config_hash(CONFIG)
    assert len(found) == 16 and int(found, 16) >= 0
    assert config_hash(dict(reversed(CONFIG.items()))) == found
    assert config_hash(CONFIG | {"steps": 11}) != found
    assert config_hash(CONFIG | {"seed": 4}) != found
    assert config_hash(CONFIG | {"cell": {"name": "lstm", "hidden_size": 9}}) != found


@pytest.mark.parametrize(
    "key", ["tracker", "outputs", "hydra", "jobs", "threads", "sweep", "resume", "baseline"]
)
def test_the_hash_does_not_ask_where_a_run_is_kept(key: str) -> None:
    assert config_hash(CONFIG | {key: "another"}) == config_hash(CONFIG)
    assert config_hash(CONFIG | {key: "another"}, True) == config_hash(CONFIG, True)


def test_runs_that_differ_by_their_seed_share_a_hash() -> None:
    one, other = CONFIG, CONFIG | {"seed": 4}
    assert config_hash(one, seedless=True) == config_hash(other, seedless=True)
    assert config_hash(one, seedless=True) != config_hash(one)
    assert config_hash(one | {"steps": 1}, seedless=True) != config_hash(one, seedless=True)


def test_parameters_have_the_names_of_overrides() -> None:
    found = flat_params({"a": 1, "b": {"c": None, "d": {"e": 0.5}}, "f": ["g", 2], "h": {}})
    assert found == {"a": "1", "b.c": "None", "b.d.e": "0.5", "f": "['g', 2]"}
    assert flat_params({1: {2: 3}}) == {"1.2": "3"}  # type: ignore[dict-item]


def test_the_versions_are_those_of_the_components_owners() -> None:
    assert versions({}) == {"rnnx": rnnx.__version__}
    weights = {"recurrent": "orthogonal", "input": {"name": "normal", "scale": 1.0}}
    config = CONFIG | {"cell": {"name": "lstm", "weights": weights}}
    config |= {"probes": {"gradient_norms": {"name": "gradient_norms"}}}
    assert versions(config) == {"rnnx": rnnx.__version__}


@pytest.mark.parametrize(
    "chosen",
    [
        {"cell": {"name": "plain"}},
        {"probes": {"look": {"name": "look"}}},
        {"cell": {"name": "lstm", "weights": {"recurrent": "fill"}}},
        {"head": {"name": "softmax", "weights": {"output": {"name": "fill"}}}},
    ],
    ids=str,
)
def test_a_third_party_s_version_is_there_where_its_component_is_chosen(
    chosen: dict[str, object], install: Callable[..., EntryPoint]
) -> None:
    install(EVERY_KIND)
    assert versions(CONFIG | chosen) == {"rnnx": rnnx.__version__, "acme": "1.0"}
    assert versions(CONFIG) == {"rnnx": rnnx.__version__}
