"""Damaged and hostile checkpoints: one of rnnx's own errors, never another, within the memory.

2,000 damages of a real file's bytes, and 900 files with a right seal and wrong content.
"""

import random
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fuzzing import VALUES, changed, damaged, other_tensors, places, seal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny import tiny

import rnnx
from rnnx.errors import CheckpointError, RnnxError
from rnnx.models.stored_network import refuse_other_network
from rnnx.models.trained import Model, load_file
from rnnx.runs import checkpoint as checkpoints
from rnnx.runs.checkpoint import Checkpoint
from rnnx.training import snapshot
from rnnx.training.progress import Progress
from rnnx.training.session import Session

GROWTH = 300 * 2**20  # bytes that all of this may take


@pytest.fixture(scope="module")
def stored(
    tmp_path_factory: pytest.TempPathFactory, make_cache: Callable[[Path], Path]
) -> Checkpoint:
    """A real checkpoint of ten steps."""
    folder = tmp_path_factory.mktemp("stored")
    names = folder / "names.txt"
    names.write_text("ara\nbobo\ncisis\ndada\nelel\nfufu\ngogo\nhaha\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNNX_CACHE", str(make_cache(folder)))
        session = rnnx.build(tiny(names, "optimizer=adam", "dropout=0.2", "cell.hidden_size=6"))
    for _ in range(3):
        session.step()
    path = folder / "stored.safetensors"
    checkpoints.write(snapshot.take(session, Progress(), {"run_id": "a"}), path)
    return checkpoints.read(path)


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    """The process's highest memory grows by no more than a constant."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < GROWTH


def use(path: Path) -> None:
    """All that a checkpoint is read for; RnnxError where it is refused."""
    checkpoint = checkpoints.read(path)
    model = Model(checkpoint)
    model.sample(2, length=4)
    model.score(["ara"])
    refuse_other_network(model.network, checkpoint, model.params.flat.dtype.name)
    session = Session(checkpoint.config)
    snapshot.restore(session, checkpoint)
    session.step()


def refused_or_used(path: Path) -> bool:
    """Whether it was refused; any other error than rnnx's own fails the test."""
    try:
        use(path)
    except RnnxError as error:
        assert str(error).strip()
        assert error.exit_code in (1, 2)
        return True
    return False


def test_the_whole_file_is_used(stored: Checkpoint) -> None:
    use(stored.path)


@pytest.mark.parametrize("seed", range(20))
def test_damaged_bytes(stored: Checkpoint, seed: int, tmp_path: Path) -> None:
    rng, content, path = random.Random(seed), stored.path.read_bytes(), tmp_path / "damaged"
    for _ in range(100):
        harmed = damaged(content, rng)
        path.write_bytes(harmed)
        if harmed == content:
            continue
        with pytest.raises(CheckpointError, match=r"damaged: (is|has)"):
            checkpoints.read(path)


@pytest.mark.parametrize("seed", range(10))
def test_a_right_seal_over_wrong_metadata(stored: Checkpoint, seed: int, tmp_path: Path) -> None:
    rng, path = random.Random(seed), tmp_path / "hostile.safetensors"
    where = list(places(dict(stored.metadata)))
    refused = 0
    for _ in range(50):
        value = rng.choice([changed, *VALUES])
        place = rng.choice(where[value is changed :])
        seal(path, dict(stored.tensors), changed(dict(stored.metadata), place, value))
        refused += refused_or_used(path)
    assert refused > 10
    assert not list(tmp_path.glob("**/owned"))


@pytest.mark.parametrize("seed", range(4))
def test_a_right_seal_over_wrong_tensors(stored: Checkpoint, seed: int, tmp_path: Path) -> None:
    rng, path = random.Random(seed), tmp_path / "hostile.safetensors"
    for _ in range(50):
        seal(path, other_tensors(stored, rng), dict(stored.metadata))
        refused_or_used(path)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_anything_as_metadata(stored: Checkpoint, tmp_path: Path, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(list(places(dict(stored.metadata)))))
    path = tmp_path / "hostile.safetensors"
    value = data.draw(ANYTHING)
    seal(path, dict(stored.tensors), changed(dict(stored.metadata), place, value))
    refused_or_used(path)


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("config", "cell", "hidden_size"), 10**9, "hidden_size=1000000000"),
        (("config", "cell", "hidden_size"), 12, "layer0"),
        (("config", "layers"), 10**9, "layers=1000000000"),
        (("config", "batch_size"), 10**9, "batch_size=1000000000"),
        (
            ("config", "cell"),
            {"name": "nobodys"},
            r"cell=nobodys.*written .*a-plugin 1\.2 .not load",
        ),
        (("config", "cell", "_target_"), "os.system", "_target_"),
        (("config", "_target_"), "os.system", "_target_: there is no such key"),
        (("config", "outputs"), "${oc.env:HOME}", "outputs holds an interpolation"),
        (("config", "a", "${oc.env:HOME}"), 1, "interpolation"),
        (("config", "outputs"), "a\0b", "outputs holds characters that are no text"),
        (("symbols",), ["a", "a"], "distinct"),
        (("symbols",), ["\ud800"], "no text"),
        (("symbols",), [], "empty"),
        (("versions",), {"a": 1}, "versions"),
        (("step",), 10**400, "step"),
        (("smooth_loss",), 10**400, "smoothed loss"),
        (("threads",), 10**6, "threads"),
        (("generators", "order", "bit_generator"), "MT19937", "PCG64"),
        (("generators", "order", "state", "state"), 1.5, "none of NumPy's"),
        (("generators",), {}, "generators must be"),
        (("batches", "cursor"), -1, "number of batches"),
        (("progress", "best_step"), "1", "best_step is a str"),
        (("progress", "seconds"), float("inf"), "seconds"),
    ],
    ids=str,
)
def test_what_is_said(stored: Checkpoint, place, value, said: str, tmp_path: Path) -> None:
    metadata = changed(dict(stored.metadata), ("versions",), {"rnnx": "0", "a-plugin": "1.2"})
    if place[:2] == ("config", "a"):
        metadata["config"]["a"] = {}
    seal(path := tmp_path / "x", dict(stored.tensors), changed(metadata, place, value))
    with pytest.raises(RnnxError, match=said):
        use(path)


def test_the_versions_are_those_of_the_owners(stored: Checkpoint) -> None:
    assert stored.metadata["versions"] == {"rnnx": rnnx.__version__}


def test_a_header_of_two_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes((2**31).to_bytes(8, "little") + b"{}" * 100)
    with pytest.raises(CheckpointError, match="header of 2147483648 bytes"):
        load_file(path)


def test_a_file_larger_than_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with path.open("wb") as file:  # it takes no room on the disk
        file.write((100).to_bytes(8, "little"))
        file.truncate(2**42)
    with pytest.raises(CheckpointError, match="do not fit into"):
        load_file(path)


def test_metadata_that_grows_in_memory(stored: Checkpoint, tmp_path: Path) -> None:
    metadata = dict(stored.metadata) | {"more": [[] for _ in range(2**20)]}
    seal(path := tmp_path / "x", dict(stored.tensors), metadata)
    use(path)
    metadata["more"] = "x" * 2**25
    seal(path, dict(stored.tensors), metadata)
    with pytest.raises(CheckpointError, match="header"):
        use(path)
