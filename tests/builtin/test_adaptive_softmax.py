"""The adaptive softmax: what PyTorch computes, the order of symbols, and whole runs with it."""

import json
from pathlib import Path

import numpy as np
import pytest

import rnnx
from rnnx.contracts.buffers import Scratch
from rnnx.data.corpus import Examples, Stream
from rnnx.data.frequencies import target_counts
from rnnx_builtin.heads.adaptive_softmax import AdaptiveSoftmax
from rnnx_builtin.heads.softmax import Softmax

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/adaptive_softmax.json").read_text("utf-8"))
TEXT = "".join(chr(0x4E00 + k) * (60 - k) for k in range(59, -1, -1))  # the last id is the rarest


def test_it_computes_what_pytorch_does() -> None:
    head = AdaptiveSoftmax(**GOLDEN["fields"])
    assert head.bounds(20) == GOLDEN["bounds"]
    params = head.init(np.random.default_rng(0), 8, 20, np.float64)
    given = {name: np.array(value) for name, value in GOLDEN["params"].items()}
    assert {name: p.shape for name, p in params.items() if name != "rank"} == {
        name: p.shape for name, p in given.items()
    }
    params |= given
    h, y, scratch = np.array(GOLDEN["h"]), np.array(GOLDEN["y"]), Scratch()
    loss, nats, cache = head.forward(params, h, y, None, scratch)
    dparams, dh = head.backward(params, cache, scratch)
    assert loss == pytest.approx(GOLDEN["loss"], rel=1e-11)
    found = {"nats": nats, "dh": dh, "ln_p": head.logits(params, h, scratch), **dparams}
    for name, value in {**GOLDEN, **GOLDEN["dparams"]}.items():
        if name in found:
            np.testing.assert_allclose(found[name], value, rtol=1e-9, atol=1e-11, err_msg=name)
    assert not dparams["rank"].any()


def test_the_probabilities_sum_to_1_in_any_order() -> None:
    head, rng = AdaptiveSoftmax(shortlist=3), np.random.default_rng(0)
    params = head.init(rng, 6, 40, np.float64)
    for _ in range(3):
        head.count_targets(params, rng.integers(0, 9, 40))
        ln_p = head.logits(params, rng.normal(size=(2, 6, 5)), Scratch())
        np.testing.assert_allclose(np.exp(ln_p).sum(axis=1), 1, rtol=1e-12)


def test_with_few_symbols_it_is_a_softmax() -> None:
    rng, adaptive, plain = np.random.default_rng(0), AdaptiveSoftmax(), Softmax()
    params = adaptive.init(rng, 5, 9, np.float64)
    assert list(params) == ["Wy", "by", "rank"]
    h, y, lengths = rng.normal(size=(4, 5, 3)), rng.integers(0, 9, (4, 3)), np.array([4, 2, 1])
    mine, other = (head.forward(params, h, y, lengths, Scratch()) for head in (adaptive, plain))
    assert mine[0] == pytest.approx(other[0], rel=1e-12)
    np.testing.assert_allclose(mine[1], other[1], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("n_y", [1, 2, 3, 4, 5, 6, 7, 50, 2001, 2002, 50_000])
def test_no_cluster_is_empty_or_of_one_symbol(n_y: int) -> None:
    for head in (AdaptiveSoftmax(), AdaptiveSoftmax(shortlist=1, clusters=4)):
        ends = head.bounds(n_y)
        assert ends[-1] == n_y
        assert np.all(np.diff(ends) >= 2)


@pytest.mark.parametrize("backend", ["numpy", "auto"])
def test_frequent_symbols_come_first_and_stay_where_they_are(backend: str) -> None:
    Path("t.txt").write_text(TEXT * 2, "utf-8")
    data = ["dataset=text", "dataset.path=t.txt", "dataset.length=8", "dataset.val_fraction=0"]
    head = ["head=adaptive_softmax", "head.shortlist=4", "optimizer=adamw"]
    more = ["cell.hidden_size=8", "batch_size=4", "tracker=none", "steps=9", f"backend={backend}"]
    session = rnnx.build([*data, *head, *more, "optimizer.weight_decay=0.1"])
    rank = session.params["head"]["rank"][:, 0].copy()
    assert np.array_equal(np.argsort(rank), np.arange(60))  # 60 times the first, once the last
    before = session.params["head"]["W2"].copy()
    for _ in range(4):
        session.step()
    assert np.array_equal(session.params["head"]["rank"][:, 0], rank)
    assert np.array_equal(session.average["head"]["rank"][:, 0], rank)
    assert not np.array_equal(session.params["head"]["W2"], before)


def test_a_run_is_loaded_evaluated_and_sampled_with_its_order() -> None:
    Path("t.txt").write_text(TEXT[::-1] + TEXT, "utf-8")
    data = ["dataset=text", "dataset.path=t.txt", "dataset.length=8", "baseline=never"]
    more = ["cell.hidden_size=8", "batch_size=4", "tracker=none", "samples=2", "sample_length=9"]
    run = rnnx.train([*data, *more, "head=adaptive_softmax", "head.shortlist=4", "steps=20"])
    model = rnnx.load(run.run_id)
    rank = model.params["head"]["rank"][:, 0]
    assert not np.array_equal(np.argsort(rank), np.arange(len(rank)))
    assert model.evaluate().loss == pytest.approx(run.metrics["final/val_loss"], rel=1e-5)
    assert [len(text) for text in model.sample(3, length=7)] == [7, 7, 7]


def test_targets_are_counted_where_they_stand() -> None:
    ids = np.array([2, 0, 0, 1, 2, 2, 3], np.uint8)
    assert target_counts(Stream(ids, 3), 5).tolist() == [2, 1, 2, 1, 0]
    examples = Examples(ids, np.array([1, 5]), np.array([3, 2]))
    assert target_counts(examples, 5).tolist() == [2, 1, 1, 1, 0]


def test_targets_are_counted_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    ids, lengths = rng.integers(0, 7, 500), rng.integers(1, 9, 60)
    examples = Examples(ids, np.cumsum(lengths) - lengths, lengths)
    splits = [examples, examples.select(np.arange(0, 60, 2)), Stream(ids, 4)]
    whole = [target_counts(split, 7).tolist() for split in splits]
    monkeypatch.setattr("rnnx.data.frequencies.CHUNK_SIZE", 5)
    assert [target_counts(split, 7).tolist() for split in splits] == whole
    assert [sum(counts) for counts in whole] == [split.tokens for split in splits]
