"""New text: the distribution is the network's, the end is an end, equal seeds give equal text."""

from pathlib import Path

import numpy as np
import pytest
from tiny import tiny

import rnnx
from rnnx.contracts.buffers import Scratch
from rnnx.errors import ConfigError, DataError, OutOfMemory, PluginError
from rnnx.models.generation import generate, grammar_of
from rnnx.models.network import Network
from rnnx.models.streaming import select
from rnnx.models.trained import Model
from rnnx.system import memory
from rnnx_builtin.cells.lstm import LSTM
from rnnx_builtin.heads.softmax import Softmax
from rnnx_builtin.numerics.one_step import step_projection
from rnnx_builtin.samplers.categorical import Categorical
from rnnx_builtin.samplers.greedy import Greedy


@pytest.fixture
def network() -> Network:
    return Network(LSTM(6), Softmax(), n_symbols=5, layers=2, dropout=0.5)


def test_greedy_text_is_the_argmax_fed_back(network: Network) -> None:
    rng = np.random.default_rng(0)
    params = network.init(rng, np.float64)
    params.flat[:] = rng.normal(size=params.size)
    text = generate(network, params, Greedy(), rng, 1, 9, prompt=[2, 3])[0]
    x, states = [-1, 2, 3], network.initial_state(1, np.float64)
    for found in text:
        h, _, _ = network.forward(params, np.array(x)[:, None], states, None, Scratch())
        expected = int(np.argmax(params["head"]["Wy"] @ h[-1] + params["head"]["by"]))
        assert found == expected
        x.append(found)
    assert len(text) == 7


def test_a_text_stops_before_the_end_symbol(network: Network) -> None:
    params = network.init(np.random.default_rng(0), np.float64)
    params["head"]["by"][4] = 50.0
    assert generate(network, params, Greedy(), np.random.default_rng(0), 3, 9, end=4) == [
        [],
        [],
        [],
    ]
    assert generate(network, params, Greedy(), np.random.default_rng(0), 2, 4) == [[4] * 4] * 2


def test_nothing_is_asked_nothing_is_given(network: Network) -> None:
    params = network.init(np.random.default_rng(0), np.float64)
    assert generate(network, params, Greedy(), np.random.default_rng(0), 0, 9) == []


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ([99, 0], "ids 0 … 99, expected 0 … 4"),
        ([5, 0], "ids 0 … 5, expected 0 … 4"),
        ([0, -1], "ids -1 … 0, expected 0 … 4"),
        ([0], r"\(1,\) of int64, expected \(2,\) of whole numbers"),
        ([0, 1, 2], r"\(3,\) of int64, expected \(2,\)"),
        ([0.0, 1.0], r"\(2,\) of float64, expected \(2,\) of whole numbers"),
    ],
    ids=str,
)
def test_a_sampler_that_breaks_its_contract_is_named(
    ids: list[float], said: str, network: Network
) -> None:
    class Wrong:
        def sample(
            self, logits: rnnx.Array, before: rnnx.Array, rng: np.random.Generator
        ) -> rnnx.Array:
            return np.array(ids)

    params = network.init(np.random.default_rng(0), np.float64)
    with pytest.raises(PluginError, match=rf"sampler Wrong.*{said}"):
        generate(network, params, Wrong(), np.random.default_rng(0), 2, 5)


def test_a_prompt_that_fills_the_text_leaves_nothing_to_draw(network: Network) -> None:
    params = network.init(np.random.default_rng(0), np.float64)
    for length in (1, 2):
        found = generate(network, params, Greedy(), np.random.default_rng(0), 3, length, [0, 1])
        assert found == [[], [], []]
    (text,) = generate(network, params, Greedy(), np.random.default_rng(0), 1, 3, [0, 1])
    assert len(text) == 1


def test_the_sampler_sees_each_text_as_it_stands(network: Network) -> None:
    """The logits of the next step, and the ids before it, the prompt's among them."""
    seen: list[np.ndarray] = []
    given: list[np.ndarray] = []

    class Looking:
        def sample(
            self, logits: rnnx.Array, before: rnnx.Array, rng: np.random.Generator
        ) -> rnnx.Array:
            seen.append(before.copy())
            given.append(logits.copy())
            return np.array([0, 1, 2]) if len(before) < 4 else np.array([3, 3, 3])

    params = network.init(np.random.default_rng(0), np.float64)
    texts = generate(network, params, Looking(), np.random.default_rng(0), 3, 5, [4, 1])
    assert texts == [[0, 0, 3], [1, 1, 3], [2, 2, 3]]
    assert [before.shape for before in seen] == [(2, 3), (3, 3), (4, 3)]
    np.testing.assert_array_equal(seen[-1], [[4, 4, 4], [1, 1, 1], [0, 1, 2], [0, 1, 2]])
    x, states = np.vstack([np.full(3, -1), seen[-1]]), network.initial_state(3, np.float64)
    h, _, _ = network.forward(params, x, states, None, Scratch())
    z = params["head"]["Wy"] @ h + params["head"]["by"]
    np.testing.assert_allclose(given, z[2:], rtol=1e-10)


@pytest.mark.parametrize(("free", "fits"), [(5599, False), (5600, True)])
def test_texts_that_do_not_fit_into_memory_are_refused_at_once(
    free: int, fits: bool, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids of 8 bytes a step, and 32 bytes a symbol for each text's logits."""
    params, rng = network.init(np.random.default_rng(0), np.float64), np.random.default_rng(0)
    monkeypatch.setattr(memory, "free_bytes", lambda: free)
    if fits:
        assert len(generate(network, params, Greedy(), rng, 10, 50)) == 10
        return
    with pytest.raises(OutOfMemory, match="10 texts of up to 50 symbols do not fit"):
        generate(network, params, Greedy(), rng, 10, 50)


def test_a_data_set_may_have_a_grammar() -> None:
    class Plain:
        def load(self, seed: int) -> rnnx.Corpus:
            raise NotImplementedError

    class Spelled(Plain):
        def grammar(self, vocabulary: rnnx.Vocabulary) -> Letters:
            assert vocabulary.symbols == ("a", "b")
            return Letters()

    vocabulary = rnnx.Vocabulary.of("ab")
    assert grammar_of(Plain(), vocabulary) is None
    assert isinstance(grammar_of(Spelled(), vocabulary), Letters)


def test_what_a_step_computes_with_lies_in_rows() -> None:
    """A choice of columns by index would lie transposed, and slow every operation with it."""
    state = (np.arange(12.0).reshape(3, 4),)
    for columns in (np.array([True, False, True, False]), np.array([0, 2])):
        ((chosen,),) = select((state,), columns)
        assert chosen.flags.c_contiguous
        np.testing.assert_array_equal(chosen, state[0][:, [0, 2]])
    W, b = np.arange(10.0).reshape(2, 5), np.ones((2, 1))
    x = np.array([3, -1, 0, 4, -1, 2, 1, 0, 3])
    z = step_projection(W, b)(x)
    assert z.flags.c_contiguous
    one_hot = (np.arange(5)[:, None] == x).astype(float)
    np.testing.assert_array_equal(z, W @ one_hot + b)


@pytest.fixture
def model(names: Path) -> Model:
    return rnnx.train(tiny(names, "steps=30")).model


def test_the_door_trains_loads_and_samples(model: Model, names: Path) -> None:
    run = rnnx.train(tiny(names))
    assert run.status == "FINISHED"
    assert run.metrics["final/val_loss"] > 0
    assert rnnx.load(run.run_id[:10]).sample(3, seed=1) == run.model.sample(3, seed=1)
    assert rnnx.load(run.folder.path).step == rnnx.load(run.folder.best_or_last()).step


def test_equal_seeds_give_equal_texts(model: Model) -> None:
    assert model.sample(5, seed=3) == model.sample(5, seed=3)
    assert model.sample(5, seed=3) != model.sample(5, seed=4)
    assert all(text.startswith("da") for text in model.sample(4, prompt="da"))
    assert len(set(model.sample(4, sampler="greedy"))) == 1
    assert len(model.sample(2, sampler={"name": "top_k", "k": 3})) == 2


def test_a_score_is_minus_log_p_a_character(model: Model) -> None:
    lines = ["arabous", "da", "arabous"]
    scores = model.score(lines)
    assert scores[0] == pytest.approx(scores[2], rel=1e-6)
    ids = [*model.vocabulary.encode("da"), model.vocabulary.end_id]
    x = np.array([-1, *ids[:-1]])[:, None]
    states = model.network.initial_state(1, np.float32)
    h, _, _ = model.network.forward(model.params, x, states, None, Scratch())
    z = (model.params["head"]["Wy"] @ h + model.params["head"]["by"])[:, :, 0].astype(float)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    assert scores[1] == pytest.approx(-log_p[np.arange(3), ids].mean(), rel=1e-5)
    assert model.score([]).shape == (0,)


def test_wrong_questions_are_one_line(model: Model) -> None:
    with pytest.raises(DataError, match="prompt: Q not in"):
        model.sample(1, prompt="Q")
    with pytest.raises(ConfigError, match="leave no room"):
        model.sample(1, prompt="a" * 60)
    with pytest.raises(DataError, match="line 2: "):
        model.score(["da", "QQ"])
    with pytest.raises(DataError, match="list of lines"):
        model.score("da")
    with pytest.raises(ConfigError, match=r"sampler\.k=0"):
        model.sample(1, sampler={"name": "top_k", "k": 0})
    with pytest.raises(TypeError, match="list of strings"):
        rnnx.build("cell=gru")


class Letters:
    """Two as of five symbols, then a b: every text is aab."""

    def start(self, B: int) -> rnnx.State:
        return (np.zeros(B, np.int64),)

    def allowed(self, state: rnnx.State) -> rnnx.Array:
        column = np.array([[1, 1, 0, 0], [0, 0, 1, 0], *[[0] * 4] * 3], bool)
        return column[:, state[0]]

    def follow(self, state: rnnx.State, ids: rnnx.Array) -> rnnx.State:
        return (np.minimum(state[0] + 1, 3),)


def test_a_grammar_decides_what_may_stand(network: Network) -> None:
    params = network.init(np.random.default_rng(0), np.float64)
    params["head"]["by"][4] = 50.0
    rng = np.random.default_rng(0)
    for sampler in (Greedy(), Categorical()):
        texts = generate(network, params, sampler, rng, 20, 9, grammar=Letters())
        assert texts == [[0, 0, 1]] * 20
    assert generate(network, params, Greedy(), rng, 2, 2, grammar=Letters()) == [[0, 0]] * 2
    assert generate(network, params, Greedy(), rng, 1, 9, [0], grammar=Letters()) == [[0, 1]]
    assert generate(network, params, Greedy(), rng, 2, 9, [0, 0, 1], grammar=Letters()) == [[]] * 2
    with pytest.raises(DataError, match="symbol 2 cannot stand there"):
        generate(network, params, Greedy(), rng, 1, 9, [0, 1], grammar=Letters())


class Lengths(Letters):
    """Text b of a batch has b symbols."""

    def start(self, B: int) -> rnnx.State:
        return (np.zeros(B, np.int64), np.arange(B))

    def allowed(self, state: rnnx.State) -> rnnx.Array:
        return np.broadcast_to(state[0] < state[1], (5, len(state[0])))

    def follow(self, state: rnnx.State, ids: rnnx.Array) -> rnnx.State:
        return (np.minimum(state[0] + 1, state[1]), state[1])


def test_texts_that_end_leave_the_others_in_place(network: Network) -> None:
    params = network.init(np.random.default_rng(0), np.float64)
    texts = generate(
        network, params, Categorical(), np.random.default_rng(0), 30, 60, grammar=Lengths()
    )
    assert [len(text) for text in texts] == list(range(30))


def test_a_line_s_own_newline_counts_once(model: Model) -> None:
    lines = ["da", "elus"]
    scores = model.score(lines)
    assert list(model.score([f"{line}\n" for line in lines])) == list(scores)
    assert list(model.score([f"{line}\r\n" for line in lines])) == list(scores)
    with pytest.raises(DataError, match=r"line 2: goes on after '\\n'"):
        model.score(["da", "da\nel"])


def test_a_prompt_does_not_go_on_after_the_end(model: Model) -> None:
    for prompt in ("da\n", "da\nel", "\n"):
        with pytest.raises(DataError, match=r"prompt: holds '\\n', with which a text ends"):
            model.sample(1, prompt)
