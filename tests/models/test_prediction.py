"""What a trained model predicts: of new data, in its order and units, as evaluation measures."""

import io
from pathlib import Path

import numpy as np
import pytest
from tiny import TINY

import rnnx
from rnnx.data.named_file import NamedFile
from rnnx.errors import DataError
from rnnx.models.new_data import read_new_data
from rnnx.models.trained import Model
from rnnx.runs.folder import RunFolder
from rnnx.runs.predictions_file import rounds
from rnnx.training.report import Silent
from rnnx.training.resume import resume

WORDS = {"pos": ["good", "fine", "great"], "neg": ["bad", "poor", "awful"]}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small file for each data set."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    lines = []
    for k in range(60):
        label = "pos" if k % 2 else "neg"
        filler = " ".join(["so", "very", "the", "film"][: rng.integers(1, 5)])
        lines.append(f"{filler} {rng.choice(WORDS[label])}\t{label}\n")
    (folder / "reviews.txt").write_text("".join(lines), "utf-8")
    (folder / "tags.conll").write_text("the D\ncat N\nsat V\n\na D\ndog N\n\n" * 12, "utf-8")
    t = np.arange(200)
    rows = np.stack([100 + 20 * np.sin(t / 5), 3 * np.cos(t / 5)], axis=1)
    np.savetxt(folder / "w.csv", rows, delimiter=",", header="temp,wind", comments="", fmt="%.5f")
    np.savez(folder / "bits.npz", x=rng.normal(size=(40, 6, 2)), y=rng.random((40, 6, 3)) > 0.5)
    return folder


def trained(place: Path, *own: str) -> RunFolder:
    return rnnx.train([*TINY, "steps=40", "eval_every=20", *own]).folder


def classified(place: Path, *own: str) -> RunFolder:
    data = ["dataset=classified", f"dataset.path={place / 'reviews.txt'}", "dataset.unit=word"]
    return trained(place, *data, *own)


def model_of(folder: RunFolder) -> Model:
    return rnnx.load(str(folder.last))


def test_a_text_is_predicted_alike_in_any_company_and_order(place: Path) -> None:
    model = model_of(classified(place, "steps=80", "optimizer.learning_rate=0.05"))
    texts = ["good", "the film so very very bad", "so awful", "so very the film fine", "so"]
    together = model.predict(texts)
    for text, found in zip(texts, together, strict=True):
        (alone,) = model.predict([text])
        assert alone.p == pytest.approx(found.p, abs=1e-5)
        assert str(found.y) == model.targets.names[int(np.argmax(found.p))]
        assert float(np.sum(found.p)) == pytest.approx(1, abs=1e-5)
    assert [str(one.y) for one in together[:4]] == ["pos", "neg", "neg", "pos"]
    with pytest.warns(UserWarning, match="predict: the model does not know 'unheard'; it reads"):
        unknown, known = model.predict(["so unheard film", "so film"])
    assert unknown.p is not None and known.p is not None
    numbers = (["good", np.zeros((3, 2))], "input 2 is ndarray, no text; give a list of texts")
    texts = (("good", "not one text"), ([""], "text 1 is empty"), ([], "no sequences"))
    for wrong, what in (*texts, numbers):
        with pytest.raises(DataError, match=what):
            model.predict(wrong)


def test_the_metrics_are_those_of_the_predictions(place: Path) -> None:
    model = model_of(classified(place, "dataset.val_fraction=0.4"))
    corpus = model.own_corpus()
    right = [
        str(found.y) == corpus.targets.names[corpus.val.y[k]]
        for k, found in enumerate(model.predict_sequences(corpus.val))
    ]
    assert model.evaluate().metrics["accuracy"] == pytest.approx(np.mean(right))


def test_values_are_in_the_unit_of_their_column(place: Path) -> None:
    data = ["dataset=csv", f"dataset.path={place / 'w.csv'}", "dataset.length=16", "head=gaussian"]
    model = model_of(trained(place, *data, "dataset.targets=temp", "steps=150"))
    rows = np.loadtxt(place / "w.csv", delimiter=",", skiprows=1)
    (found,) = model.predict([rows])
    assert found.p is None and found.y.shape == (200, 1)
    assert abs(found.y[20:-1, 0] - rows[21:, 0]).mean() < 6  # of values between 80 and 120
    part = model.own_corpus().val
    (temp,) = model.targets.quantities
    errors = []
    for k, one in enumerate(model.predict_sequences(part)):
        steps = slice(part.starts[k], part.starts[k] + part.lengths[k])
        truth = part.y[steps, 0] * temp.deviation + temp.mean
        errors += ((one.y[:, 0] - truth) ** 2)[part.weights[steps] > 0].tolist()
    assert model.evaluate().metrics["mse"] == pytest.approx(np.mean(errors), rel=1e-3)

    def read(content: bytes, name: str = "-") -> list[np.ndarray]:
        data = read_new_data(NamedFile(name, content), model.inputs, model.dataset)
        assert data.texts is None
        return list(data.features)

    saved = io.BytesIO()
    np.save(saved, rows)
    for content in (Path(place / "w.csv").read_bytes(), saved.getvalue()):
        assert read(content)[0] == pytest.approx(rows)
    swapped = b"wind;other;temp\n1;x;2\n3;y;4\n"
    assert read(swapped)[0].tolist() == [[2, 1], [4, 3]]
    assert read(b"2,1\n4,3\n")[0].tolist() == [[2, 1], [4, 3]]
    with pytest.raises(DataError, match=r"no column 'temp'; the model's input is one of wind, x"):
        read(b"wind,x\n1,2\n")
    with pytest.raises(DataError, match=r"sequence 1 has the shape \(3, 4\); expected \(T, 2\)"):
        model.predict([np.zeros((3, 4))])
    with pytest.raises(DataError, match="no finite numbers"):
        model.predict([np.full((3, 2), np.nan)])
    with pytest.raises(DataError, match=r"input 1 is a text; give a list of arrays \(T, n_feat"):
        model.predict(["abc"])


def test_tags_and_bits_have_an_answer_a_step(place: Path) -> None:
    data = ["dataset=tagged", f"dataset.path={place / 'tags.conll'}", "optimizer.learning_rate=0.1"]
    folder = trained(place, *data)
    short, long = model_of(folder).predict(["a cat", "the dog sat"])
    assert (short.y.tolist(), long.y.tolist()) == (["D", "N"], ["D", "N", "V"])
    assert long.p.shape == (3, 3)
    (last,) = rounds(folder.predictions)[-1:]
    assert last.is_final
    assert {(one.input, one.target) for one in last.shown} <= {
        ("the cat sat", "D N V"),
        ("a dog", "D N"),
    }
    bits = ["dataset=npz", f"dataset.path={place / 'bits.npz'}", "head=bernoulli"]
    (found,) = model_of(trained(place, *bits)).predict([np.zeros((6, 2))])
    assert found.y.shape == found.p.shape == (6, 3)
    assert set(found.y.ravel()) <= {0, 1}


def test_held_out_predictions_come_at_each_sampling_round_and_after_a_resume(place: Path) -> None:
    own = ["steps=12", "eval_every=4", "dataset.val_fraction=0.3"]
    whole = classified(place, *own)
    shown = rounds(whole.predictions)
    assert [(one.step, one.is_final) for one in shown] == [
        (1, False),
        (6, False),
        (12, False),
        (12, True),
    ]
    assert [len(one.shown) for one in shown] == [3, 3, 3, 12]
    assert [one[:3] for one in shown[0].shown] == [one[:3] for one in shown[1].shown]
    half = classified(place, *own, "steps=6")
    assert rounds(half.predictions)[-1].is_final
    ended = resume(half, Silent(), ["steps=12"]).folder
    assert ended.predictions.read_bytes() == whole.predictions.read_bytes()


def test_a_model_that_writes_texts_predicts_nothing(names: Path) -> None:
    run = rnnx.train([*TINY, "dataset=lines", f"dataset.path={names}"])
    with pytest.raises(DataError, match="the model writes texts and has no other targets"):
        run.model.predict(["ara"])
    assert not run.folder.predictions.exists()
