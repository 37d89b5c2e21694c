"""The memory of a solo: what was played before becomes likelier, and nothing else changes."""

from itertools import pairwise

import numpy as np
import pytest

from rnnx import Vocabulary
from rnnx.errors import ConfigError
from rnnx.models.trained import Model
from rnnx_jazz.chart import BLUES, parse_chart
from rnnx_jazz.corpus import JazzCorpus, whole
from rnnx_jazz.dataset import Jazz
from rnnx_jazz.improvising import improvise
from rnnx_jazz.measures import line_figures
from rnnx_jazz.measuring import TARGETS, bigram_of
from rnnx_jazz.memory import Remembering, events_of, remembered
from rnnx_jazz.recalling import nats_with_memory


def test_what_followed_the_same_figure_becomes_likelier() -> None:
    p = np.full(8, 1 / 8)
    before = np.array([1, 2, 3, 4, 5, 1, 2])
    found = remembered(p, before, 0.2)
    # 1 2 stood there before and went on with 3: (1 + 4/8) / (1 + 4).
    assert found[3] == pytest.approx(0.3) and found.sum() == pytest.approx(1)
    assert found[[0, 1, 2, 4, 5, 6, 7]] == pytest.approx(0.1)
    longer = remembered(p, np.array([7, 1, 2, 3, 4, 7, 1, 2]), 0.2)
    assert longer[3] == pytest.approx((1 + 4 * 0.3) / 5)  # three alike weigh twice


def test_what_never_stood_there_changes_nothing() -> None:
    p = np.random.default_rng(0).dirichlet(np.ones(6))
    for before in ([], [1], [1, 2], [1, 2, 3, 4], [0, 1, 2, 5, 1]):
        assert remembered(p, np.array(before, np.intp), 0.3) == pytest.approx(p)
    again = np.array([1, 2, 3, 1, 2])
    assert remembered(p, again, 0.0) is p
    forbidden = np.where(np.arange(6) == 3, 0, p)
    assert remembered(forbidden, again, 0.3) == pytest.approx(forbidden)


def test_chords_are_not_remembered() -> None:
    """The same figure over another chord goes on as it did."""
    symbols = ("0:1", "1:1", "2:1", "C1", "C3", "C5", "dorian", "ionian", "root+0", "root+5")
    vocabulary = Vocabulary(tuple(sorted(symbols)), None, " ")
    events = events_of(vocabulary)
    assert [s for s, is_one in zip(vocabulary.symbols, events, strict=True) if not is_one] == [
        *("dorian", "ionian", "root+0", "root+5")
    ]
    text = "root+0 dorian 0:1 C1 1:1 C3 2:1 C5 root+5 ionian 0:1 C1 1:1"
    before = np.array(vocabulary.encode(text.split()))[:, None]
    sampler, logits = Remembering(events, 1.0, 0.9), np.zeros((len(symbols), 1))
    rng = np.random.default_rng(0)
    drawn = [int(sampler.sample(logits, before, rng)[0]) for _ in range(200)]
    assert drawn.count(vocabulary.ids["C3"]) > 150


def test_it_is_a_sampler_of_the_networks_distribution_without_memory() -> None:
    logits = np.log(np.array([[0.5], [0.3], [0.2], [0.0]]) + 1e-300)
    logits[3] = -np.inf
    sampler = Remembering(np.ones(4, np.bool_), 1.0, 0.0)
    columns = np.repeat(logits, 20_000, axis=1)
    drawn = sampler.sample(columns, np.zeros((0, 20_000), np.intp), np.random.default_rng(0))
    assert np.bincount(drawn, minlength=4) / 20_000 == pytest.approx([0.5, 0.3, 0.2, 0], abs=0.02)
    cold = Remembering(np.ones(4, np.bool_), 0.1, 0.0)
    nothing = np.zeros((0, 20_000), np.intp)
    assert np.mean(cold.sample(columns, nothing, np.random.default_rng(0)) == 0) > 0.9


@pytest.mark.parametrize("settings", [{"temperature": 0.0}, {"memory": 1.0}, {"memory": -0.1}])
def test_its_ranges(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        Remembering(np.ones(2, np.bool_), **settings)


def test_figures_come_back_with_more_memory(model: Model) -> None:
    chart = parse_chart(BLUES, 24)
    little, much = (
        np.mean([line_figures(improvise(model, chart, 0.8, s, m).tune)["motifs"] for s in range(6)])
        for m in (0.0, 0.25)
    )
    assert much > little + 0.1


@pytest.fixture(scope="module")
def corpus() -> JazzCorpus:
    found = Jazz().load(0)
    assert isinstance(found, JazzCorpus)
    return found


def test_tunes_are_likelier_with_memory(model: Model, corpus: JazzCorpus) -> None:
    """Read through the sampler, without memory it is the network's own loss."""
    tunes = whole(corpus.held_out[:4], corpus.vocabulary)
    plain = nats_with_memory(model, tunes, 0.0)
    assert plain == pytest.approx(model.mean_nats(tunes), rel=1e-4)
    assert nats_with_memory(model, tunes, 0.03) < plain - 0.05


def test_the_bigram_counts_what_follows_what(corpus: JazzCorpus) -> None:
    bigram = bigram_of(corpus, 1.0)
    ids = corpus.vocabulary.ids
    tokens = [tune.tokens for tune in corpus.tunes]
    one, two = "3/2:1/2", "C5"
    times = sum(a == one and b == two for tune in tokens for a, b in pairwise(tune))
    assert bigram.counts[ids[one], ids[two]] == times > 0
    assert bigram.counts[-1].sum() == sum(map(len, tokens))
    logits = np.full((len(ids), 1), -np.inf)
    logits[[ids["C1"], ids["C3"]]] = 0
    before = np.array([[ids[one]]])
    rng = np.random.default_rng(0)
    drawn = {int(bigram.sample(logits, before, rng)[0]) for _ in range(50)}
    assert drawn == {ids["C1"], ids["C3"]}  # what the grammar forbids is never drawn


def test_targets_say_what_they_want() -> None:
    told = {
        target.name: (str(target), target.is_met(0.1), target.is_met(1.0)) for target in TARGETS
    }
    assert told["motifs"] == ("≥ 0.2", False, True)
    assert told["unresolved"] == ("≤ 0.03", False, False)
    assert set(told) <= set(line_figures(parse_chart("C")))
