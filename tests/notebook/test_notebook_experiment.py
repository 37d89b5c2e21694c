"""The notebook's training through the ordinary line: registry, configuration, run, folder."""

import io
import math
import os
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import rnnx
from rnnx.errors import ConfigError, DataError, Diverged
from rnnx.runs.metrics_file import read_history
from rnnx.testing import DatasetSuite, InitializerSuite, ProbeSuite, samplers
from rnnx.training.report import Lines
from rnnx_notebook.legacy_categorical import LegacyCategorical
from rnnx_notebook.legacy_lines import LegacyLines
from rnnx_notebook.legacy_normal import LegacyNormal
from rnnx_notebook.vanishing_gradient import VanishingGradient

# Resolved here: tests change folder.
GIVEN = os.environ.get("RNNX_DINOS_TXT")
DINOS = Path(GIVEN).resolve() if GIVEN else None

FIRST = ["Nkzxwtdmfqoeyhsqwasjkjvu", "Kneb", "Kzxwtdmfqoeyhsqwasjkjvu", "Neb"]
FIRST += ["Zxwtdmfqoeyhsqwasjkjvu", "Eb", "Xwtdmfqoeyhsqwasjkjvu"]
SECOND = ["Liusskeomnolxeros", "Hmdaairus", "Hytroligoraurus", "Lecalosapaus", "Xusicikoraurus"]
SECOND += ["Abalpsamantisaurus", "Tpraneronxeros"]


@pytest.fixture
def dinos() -> str:
    if DINOS is None:
        pytest.skip("RNNX_DINOS_TXT names no copy of the notebook's dinos.txt")
    assert DINOS.is_file(), f"RNNX_DINOS_TXT={DINOS}: there is no such file"
    return str(DINOS)


def test_the_published_figures(dinos: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["experiment=notebook", f"dataset.path={dinos}", "steps=2001", "tracker=none"]
    run = rnnx.train(given)
    smooth = {p.step: p.value for p in read_history(run.folder.metrics)["train/smooth_loss"]}
    assert abs(smooth[1] - 23.087336085484605) < 1e-9
    assert abs(smooth[2001] - 27.884160491415773) < 1e-9
    samples = run.folder.path / "samples"
    assert (samples / "step_000001.txt").read_text().split() == FIRST
    assert (samples / "step_002001.txt").read_text().split() == SECOND


def test_a_round_is_printed_as_the_notebook_prints_it(dinos: str) -> None:
    """Under j + 1, with every digit of the loss, one name a line."""
    session = rnnx.build(["experiment=notebook", f"dataset.path={dinos}"])
    session.step()
    out = io.StringIO()
    names = [session.corpus.show(text) for text in session.sample(7)]
    Lines(Console(file=out, soft_wrap=True)).samples(session, names)
    head, *rest = out.getvalue().split("\n")
    assert head.startswith("step 1: loss 23.0873360854846")
    assert rest == [*FIRST, "", ""]


def test_another_corpus_runs_and_says_so(names: Path) -> None:
    given = ["experiment=notebook", f"dataset.path={names}", "steps=3", "tracker=none"]
    (note,) = rnnx.build(given).corpus.notes  # which a run shows
    assert note.startswith(f"dataset.path={names}: is not the notebook's dinos.txt")
    assert rnnx.train(given).status == "FINISHED"


def test_lines_are_as_the_notebook_reads_them() -> None:
    Path("odd.txt").write_text("Bb \n\n Aa\nCc", "utf-8")
    corpus = LegacyLines("odd.txt", seed=3).load(0)
    expected = ["bb", "", "aa", "cc"]
    np.random.RandomState(3).shuffle(expected)
    symbols = corpus.vocabulary.symbols
    read = ["".join(symbols[i] for i in corpus.train.targets(k)) for k in range(4)]
    assert read == [line + "\n" for line in expected]
    assert list(symbols) == sorted(set("Bb \n\n Aa\nCc".lower()))
    assert corpus.show("tyranno") == "Tyranno"


def test_weights_come_from_one_legacy_stream() -> None:
    legacy, rng = np.random.RandomState(4), np.random.default_rng(0)
    filler = LegacyNormal(seed=4, scale=0.5)
    for shape in ((3, 5), (3, 3), (5, 3)):
        expected = legacy.randn(*shape) * 0.5
        np.testing.assert_array_equal(filler.fill(rng, *shape, np.float64), expected)
    again = filler.fill(np.random.default_rng(0), 3, 5, np.float64)
    np.testing.assert_array_equal(again, np.random.RandomState(4).randn(3, 5) * 0.5)


def test_draws_are_those_of_a_reseeded_choice() -> None:
    rng = np.random.default_rng(1)
    sampler = LegacyCategorical(seed=10)
    for t in (0, 1, 7):
        logits = rng.normal(size=(6, 4))
        found = sampler.sample(logits, np.zeros((t, 4), int), rng)
        for s in range(4):
            p = np.exp(logits[:, s] - logits[:, s].max())
            p /= p.sum()
            expected = np.random.RandomState(10 + s + 2 * t).choice(6, p=p)
            assert found[s] == expected


def test_the_sampler_passes_the_checks_that_need_no_randomness() -> None:
    for check in (samplers.check_ids, samplers.check_determinism, samplers.check_impossible):
        check(LegacyCategorical())


class TestVanishingGradient(ProbeSuite):
    component = VanishingGradient()


def test_the_plain_networks_gradient_vanishes_before_the_lstms() -> None:
    session = rnnx.build(["experiment=vanishing_gradient"])
    session.step()
    found = dict(session.observations())["vanishing_gradient"]
    assert list(found.images) == ["norm"]
    curves = VanishingGradient().curves(session.observation)
    vanilla, lstm = curves["vanilla"], curves["lstm"]
    assert list(curves) == ["vanilla", "lstm"]
    assert len(vanilla) == len(lstm) > 12
    assert vanilla[12] < vanilla[2] / 100
    assert lstm[12] > lstm[2] / 20
    assert found.metrics["vanishing_gradient/lstm_010"] == lstm[10]


@pytest.mark.parametrize("clipper", ["value", "global_norm"])
def test_clipping_bounds_a_gradient_that_explodes(clipper: str) -> None:
    session = rnnx.build(["experiment=clipping", f"clipper={clipper}"])
    norms = []
    for _ in range(session.settings.steps):
        session.step()
        norms.append(session.metrics.norm)
    assert max(norms[:10]) > 5 * norms[0] > 100 * session.components.clipper.limit
    assert session.evaluate() < math.log(27) - 0.1


def test_without_clipping_a_gradient_that_explodes_ends_the_run() -> None:
    session = rnnx.build(["experiment=clipping", "clipper=none"])
    session.step()
    first = session.metrics.norm
    session.step()
    assert session.metrics.norm > 100 * first
    with pytest.raises(Diverged, match="step 3"):
        session.step()


class TestLegacyNormal(InitializerSuite):
    component = LegacyNormal()


class TestLegacyLines(DatasetSuite):
    component = LegacyLines("names.txt")

    @pytest.fixture(autouse=True)
    def file(self, own_folder: Path) -> None:
        (own_folder / "names.txt").write_text("Ann\n Bob\n\nEve", "utf-8")


@pytest.mark.parametrize("make", [LegacyNormal, LegacyCategorical, LegacyLines])
def test_seeds_are_the_legacy_generators(make: type) -> None:
    with pytest.raises(ConfigError, match="seed=-1"):
        make(seed=-1)


def test_a_missing_file_is_one_line() -> None:
    with pytest.raises(DataError, match="there is no such file"):
        LegacyLines("none.txt").load(0)
