"""A checkpoint is the whole state: what goes on from it cannot be told from what never stopped."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from tiny import tiny

import rnnx
from rnnx.errors import CheckpointError, DataError
from rnnx.runs import checkpoint as checkpoints
from rnnx.training import snapshot
from rnnx.training.progress import Progress
from rnnx.training.session import Session


def losses(session: Session, steps: int) -> list[float]:
    return [session.step() for _ in range(steps)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "more",
    [
        ["cell=vanilla", "optimizer=sgd"],
        ["cell=lstm", "optimizer=adam", "dropout=0.4", "layers=2"],
        ["cell=gru", "optimizer=momentum", "schedule=cosine"],
        ["optimizer=rmsprop", "dataset=text", "dataset.length=7"],
        ["optimizer=adagrad", "clipper=value"],
        ["optimizer=adam", "averaging=0.9"],
        ["optimizer=adamw", "schedule=inverse_time"],
    ],
    ids=" ".join,
)
def test_going_on_equals_never_stopping(
    more: list[str], dtype: str, names: Path, tmp_path: Path
) -> None:
    overrides = tiny(names, *more, f"dtype={dtype}")
    whole = rnnx.build(overrides)
    losses(whole, 37)
    path = tmp_path / "checkpoint.safetensors"
    checkpoints.write(snapshot.take(whole, Progress(), {}), path)
    expected = losses(whole, 40), whole.sample(4), whole.evaluate()

    resumed = rnnx.build(overrides)
    losses(resumed, 5)  # whatever it did before
    snapshot.restore(resumed, checkpoints.read(path))
    assert (losses(resumed, 40), resumed.sample(4), resumed.evaluate()) == expected
    assert resumed.params.flat.tobytes() == whole.params.flat.tobytes()
    assert resumed.steps == whole.steps
    assert resumed.smooth_loss == whole.smooth_loss


@pytest.fixture
def stored(names: Path, tmp_path: Path) -> Path:
    session = rnnx.build(tiny(names))
    session.step()
    path = tmp_path / "stored.safetensors"
    checkpoints.write(snapshot.take(session, Progress(), {"run_id": "abc"}), path)
    return path


def test_what_is_written_is_read(stored: Path) -> None:
    found = checkpoints.read(stored)
    assert found.metadata["run_id"] == "abc"
    assert found.metadata["step"] == 1
    assert found.config["cell"]["hidden_size"] == 8
    assert found.vocabulary.end == "\n"


def test_nothing_but_the_file_is_left(stored: Path) -> None:
    assert [p.name for p in stored.parent.glob(".*tmp")] == []


@pytest.mark.parametrize("place", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_a_flipped_bit_is_found(stored: Path, place: float) -> None:
    content = bytearray(stored.read_bytes())
    content[int(place * len(content))] ^= 0x10
    stored.write_bytes(bytes(content))
    with pytest.raises(CheckpointError, match=r"stored\.safetensors: is"):
        checkpoints.read(stored)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"\xff" * 100])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="is not a checkpoint of rnnx"):
        checkpoints.read(path)


def test_other_software_s_safetensors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"a": np.zeros(3)}, path)
    with pytest.raises(CheckpointError, match="but not a checkpoint of rnnx"):
        checkpoints.read(path)


def test_shapes_have_to_fit_the_configuration(names: Path, stored: Path) -> None:
    session = rnnx.build(tiny(names, "cell.hidden_size=9"))
    with pytest.raises(CheckpointError, match=r"layer0\.Wx.*shape \(32, .*shape \(36, "):
        snapshot.restore(session, checkpoints.read(stored))


def test_other_data_is_refused(names: Path, stored: Path) -> None:
    names.write_text(names.read_text() + "newname\n")
    session = rnnx.build(tiny(names))
    with pytest.raises(DataError, match="SHA-256"):
        snapshot.restore(session, checkpoints.read(stored))


def test_a_newer_format_is_named(stored: Path) -> None:
    found = checkpoints.read(stored)
    newer = checkpoints.Checkpoint(found.tensors, {**found.metadata, "format": 99})
    checkpoints.write(newer, stored)
    with pytest.raises(CheckpointError, match="format 99"):
        checkpoints.read(stored)


def test_the_metadata_is_json(stored: Path) -> None:
    json.dumps(checkpoints.read(stored).metadata)
