"""The rule of each task, against a slow implementation of its own."""

import math
import re
from itertools import pairwise

import numpy as np
import pytest
from drawn import drawn

from rnnx.errors import ConfigError
from rnnx_tasks.adding import Adding, Multiplication, Protocol
from rnnx_tasks.associative_recall import AssociativeRecall
from rnnx_tasks.copying import Copy
from rnnx_tasks.counters import Counters, Language
from rnnx_tasks.cycle_navigation import CycleNavigation
from rnnx_tasks.delayed_echo import DelayedEcho
from rnnx_tasks.digits import Digits, Reading
from rnnx_tasks.dyck import Dyck
from rnnx_tasks.even_pairs import EvenPairs
from rnnx_tasks.flip_flop import FlipFlop
from rnnx_tasks.group import Group, Name
from rnnx_tasks.lengths import Lengths
from rnnx_tasks.missing_duplicate import MissingDuplicate
from rnnx_tasks.modular_arithmetic import ModularArithmetic
from rnnx_tasks.parity import Parity
from rnnx_tasks.rearranging import BucketSort, DuplicateString, OddsFirst, ReverseString
from rnnx_tasks.reber import EmbeddedReber, Reber
from rnnx_tasks.selective_copy import Answer, SelectiveCopy
from rnnx_tasks.stack_manipulation import StackManipulation
from rnnx_tasks.temporal_order import TemporalOrder

FEW = {"held_out": 4}
MIXED = Lengths(20, 1)


@pytest.mark.parametrize("every_step", [False, True])
def test_parity(every_step: bool) -> None:
    for one in drawn(Parity(MIXED, every_step, **FEW).load(0)):
        so_far = [["even", "odd"][one.x[: t + 1].count("1") % 2] for t in range(len(one.x))]
        assert one.y == (so_far if every_step else so_far[-1])


def test_even_pairs() -> None:
    for one in drawn(EvenPairs(MIXED, **FEW).load(0)):
        changes = sum(a != b for a, b in pairwise(one.x))
        assert one.y == ["even", "odd"][changes % 2]


@pytest.mark.parametrize("every_step", [False, True])
def test_cycle_navigation(every_step: bool) -> None:
    for one in drawn(CycleNavigation(4, every_step, MIXED, **FEW).load(0)):
        place, places = 0, []
        for move in one.x:
            place = (place + {"·": 0, "+": 1, "−": -1}[move]) % 4
            places.append(str(place))
        assert one.y == (places if every_step else places[-1])


def marked(x: np.ndarray) -> list[int]:
    return np.flatnonzero(x[:, 1] == 1).tolist()


def test_adding_in_halves() -> None:
    sums = []
    for one in drawn(Adding(lengths=Lengths(31), **FEW).load(0), 400):
        first, second = marked(one.x)
        assert len(one.x) == 31 and first < 15 <= second
        assert ((one.x[:, 0] >= 0) & (one.x[:, 0] < 1)).all()
        assert one.y == pytest.approx([one.x[first, 0] + one.x[second, 0]])
        sums.append(one.y[0])
    assert np.var(sums) == pytest.approx(1 / 6, rel=0.15)


@pytest.mark.parametrize("T", [8, 9, 40, 100])
def test_adding_of_1997(T: int) -> None:
    sums, places = [], []
    corpus = Adding(Protocol.original, Lengths(T), **FEW).load(0)
    for one in drawn(corpus, 1000):
        a, b = marked(one.x)
        assert T <= len(one.x) <= T + T // 10 and one.size == T
        assert one.x[0, 1] == one.x[-1, 1] == -1 and np.count_nonzero(one.x[:, 1]) == 4
        assert 1 <= a < 10 and b <= T // 2 - 1 + (T < 20)
        assert one.y == pytest.approx([0.5 + (one.x[a, 0] + one.x[b, 0]) / 4], abs=1e-6)
        sums.append(one.y[0])
        places.append(len(one.x))
    assert set(places) == set(range(T, T + T // 10 + 1))
    assert np.var(sums) == pytest.approx(1 / 24, rel=0.15)
    assert corpus.levels[0].value == 1 / 24


def test_multiplication() -> None:
    products = []
    for one in drawn(Multiplication(Lengths(30), **FEW).load(0), 1000):
        a, b = marked(one.x)
        assert one.y == pytest.approx([one.x[a, 0] * one.x[b, 0]], abs=1e-6)
        products.append(one.y[0])
    assert np.var(products) == pytest.approx(7 / 144, rel=0.15)


@pytest.mark.parametrize(
    ("relevant", "spans"),
    [(2, [(10, 20), (50, 60)]), (3, [(10, 20), (33, 43), (66, 76)])],
)
def test_temporal_order(relevant: int, spans: list[tuple[int, int]]) -> None:
    seen, lengths = set(), set()
    for one in drawn(TemporalOrder(relevant, **FEW).load(0), 400):
        assert re.fullmatch("E[abcdXY]+B", one.x)
        found = [k for k, symbol in enumerate(one.x) if symbol in "XY"]
        assert "".join(one.x[k] for k in found) == one.y
        assert all(a <= k <= b for k, (a, b) in zip(found, spans, strict=True))
        seen.add(one.y)
        lengths.add(len(one.x))
    assert len(seen) == 2**relevant and lengths == set(range(100, 111))


def follows_reber(string: str) -> bool:
    """Whether the automaton of the 1997 paper's figure writes this string."""
    arrows = {
        (0, "B"): 1,
        (1, "T"): 2,
        (1, "P"): 3,
        (2, "S"): 2,
        (2, "X"): 4,
        (3, "T"): 3,
        (3, "V"): 5,
        (4, "X"): 3,
        (4, "S"): 6,
        (5, "P"): 4,
        (5, "V"): 6,
        (6, "E"): 7,
    }
    state = 0
    for symbol in string:
        if (state, symbol) not in arrows:
            return False
        state = arrows[state, symbol]
    return state == 7


def test_reber() -> None:
    lengths = []
    for one in drawn(Reber(**FEW).load(0), 2000):
        assert one.x[1:] == "".join(one.y[:-1]) and follows_reber(one.x + one.y[-1])
        lengths.append(len(one.x))
    assert np.mean(lengths) == pytest.approx(7, rel=0.05)  # symbols to predict


def test_embedded_reber() -> None:
    lengths, firsts = [], []
    for one in drawn(EmbeddedReber(**FEW).load(0), 2000):
        string = one.x + one.y[-1]
        assert one.x[1:] == "".join(one.y[:-1])
        assert string[0] == "B" and string[-1] == "E" and string[1] == string[-2] in "TP"
        assert follows_reber(string[2:-2])
        place = len(one.x) - 2  # the step whose target is the last but one symbol
        assert one.ages == [place - 1 if t == place else 0 for t in range(len(one.x))]
        lengths.append(len(one.x))
        firsts.append(string[1])
    assert np.mean(lengths) == pytest.approx(11, rel=0.05)
    assert 0.45 < firsts.count("T") / len(firsts) < 0.55


def test_the_levels_of_embedded_reber() -> None:
    levels = {level.key: level.value for level in EmbeddedReber(**FEW).load(0).levels}
    assert levels["level/loss_optimum"] == pytest.approx(0.4411, abs=5e-5)
    assert levels["level/loss_no_memory"] == pytest.approx(0.5041, abs=5e-5)


def test_copy() -> None:
    for one in drawn(Copy(3, 4, lengths=Lengths(9, 1), **FEW).load(0)):
        T, string = one.size, one.x[:3]
        assert len(one.x) == T + 6 and set(string) <= set("1234")
        assert one.x == string + "·" * (T - 1) + "|" + "·" * 3
        assert "".join(one.y) == "·" * (T + 3) + string
        assert one.ages == [0] * (T + 3) + [T + 3] * 3


def test_copy_of_the_answer_alone() -> None:
    for one in drawn(Copy(3, 4, False, Lengths(9, 1), **FEW).load(0)):
        assert one.y == [""] * (one.size + 3) + list(one.x[:3])


def test_the_baseline_of_copy() -> None:
    for T in (10, 100, 500):
        levels = {one.key: one.value for one in Copy(lengths=Lengths(T), **FEW).load(0).levels}
        assert levels["level/loss_no_memory"] == pytest.approx(10 * math.log(8) / (T + 20))


def test_selective_copy() -> None:
    places = set()
    for one in drawn(SelectiveCopy(3, 5, Lengths(12, 3), **FEW).load(0), 300):
        string, asked = one.x[: one.size], one.x[one.size :]
        found = [(k, symbol) for k, symbol in enumerate(string) if symbol != "·"]
        assert asked == "???" and one.y == [""] * one.size + [symbol for _, symbol in found]
        ages = [one.size + k - place for k, (place, _) in enumerate(found)]
        assert one.ages == [0] * one.size + ages
        places |= {place for place, _ in found}
    assert places == set(range(12))


def test_selective_copy_at_once() -> None:
    task = SelectiveCopy(3, 5, Lengths(12, 3), Answer.at_once, **FEW)
    names = task.load(0).targets.names
    assert names[:2] == ("1: 1", "1: 2") and names[-1] == "3: 5" and len(names) == 15
    for one in drawn(task.load(0), 300):
        string = [symbol for symbol in one.x if symbol != "·"]
        assert len(one.x) == one.size
        assert one.y == " ".join(f"{k}: {symbol}" for k, symbol in enumerate(string, 1))


def asked(one, answer: str) -> None:
    """After the string come as many ? as the answer has symbols, which alone count."""
    string, rest = one.x[: one.size], one.x[one.size :]
    assert set(rest) == {"?"} and "?" not in string
    assert one.y == [""] * one.size + list(answer)


def test_reverse_string() -> None:
    for one in drawn(ReverseString(MIXED, 3, **FEW).load(0)):
        asked(one, one.x[: one.size][::-1])
        n = one.size
        assert one.ages[n:] == [2 * k + 1 for k in range(n)]


def test_duplicate_string() -> None:
    for one in drawn(DuplicateString(MIXED, **FEW).load(0)):
        asked(one, one.x[: one.size] * 2)
        assert set(one.ages[one.size : 2 * one.size]) == {one.size}


def test_odds_first() -> None:
    for one in drawn(OddsFirst(MIXED, 4, **FEW).load(0)):
        string = one.x[: one.size]
        asked(one, string[::2] + string[1::2])


def test_bucket_sort() -> None:
    for one in drawn(BucketSort(MIXED, **FEW).load(0)):
        asked(one, "".join(sorted(one.x[: one.size])))


def test_missing_duplicate() -> None:
    hidden = set()
    for one in drawn(MissingDuplicate(Lengths(9, 2), **FEW).load(0), 200):
        assert len(one.x) == one.size - one.size % 2 and one.x.count("_") == 1
        whole = one.x.replace("_", one.y)
        assert whole[: len(whole) // 2] == whole[len(whole) // 2 :]
        hidden.add(one.x.index("_"))
    assert hidden == set(range(8))


def test_stack_manipulation() -> None:
    for one in drawn(StackManipulation(MIXED, **FEW).load(0), 200):
        stack = []
        string = one.x[: one.size]
        assert re.fullmatch("[01]+[vpq]*", string)
        for symbol in string:
            if symbol == "v":
                stack = stack[:-1]
            else:
                stack = [*stack, {"p": "0", "q": "1"}.get(symbol, symbol)]
        assert one.y == [""] * one.size + [*stack[::-1], "end"]


def value_of(expression: str) -> int:
    return eval(expression.replace("−", "-").replace("×", "*"), {"__builtins__": {}})


@pytest.mark.parametrize("times", [True, False])
@pytest.mark.parametrize("modulus", [2, 5])
def test_modular_arithmetic(times: bool, modulus: int) -> None:
    operators = set()
    for one in drawn(ModularArithmetic(False, times, modulus, MIXED, **FEW).load(0), 200):
        assert re.fullmatch(r"\d([+−×]\d)*", one.x) and len(one.x) == one.size - 1 + one.size % 2
        assert int(one.y) == value_of(one.x) % modulus
        operators |= set(one.x) - set("01234")
    assert operators == set("+−×" if times else "+−")


@pytest.mark.parametrize("times", [True, False])
def test_modular_arithmetic_with_brackets(times: bool) -> None:
    operators = set()
    for one in drawn(ModularArithmetic(True, times, 5, Lengths(40, 1), **FEW).load(0), 300):
        assert len(one.x) == one.size and int(one.y) == value_of(one.x) % 5
        if len(one.x) >= 5:
            assert one.x[0] == "(" and one.x[-1] == ")"
        assert one.x.count("(") == one.x.count(")")
        operators |= set(one.x) - set("01234()")
    assert operators == set("+−×" if times else "+−")


ORDERS = {Name.s3: 6, Name.z60: 60, Name.a4_z5: 60, Name.a5: 60}


@pytest.mark.parametrize("name", Name)
def test_group(name: Name) -> None:
    corpus = Group(name, Lengths(6, 1), **FEW).load(0)
    symbols = corpus.vocabulary.symbols
    assert len(symbols) == ORDERS[name] and corpus.targets.names == symbols
    assert symbols[0] == "0123456789ab"[: len(symbols[0])]  # the identity
    width, digits = len(symbols[0]), "0123456789ab"
    for one in drawn(corpus, 20):
        word = [one.x[k : k + width] for k in range(0, len(one.x), width)]
        so_far = symbols[0]
        for element, product in zip(word, one.y, strict=True):
            so_far = "".join(element[digits.index(k)] for k in so_far)
            assert product == so_far


def parity_of(permutation: str) -> int:
    return sum(a > b for k, a in enumerate(permutation) for b in permutation[k + 1 :]) % 2


def test_which_groups_they_are() -> None:
    from rnnx_tasks.group import products

    tables = {name: products(name) for name in Name}
    abelian = {name for name, table in tables.items() if (table == table.T).all()}
    assert abelian == {Name.z60}
    a5 = Group(Name.a5, **FEW).load(0).vocabulary.symbols
    assert not any(parity_of(one) for one in a5) and len(set(a5)) == 60
    a4_z5 = Group(Name.a4_z5, **FEW).load(0).vocabulary.symbols
    assert {parity_of(one[:4]) for one in a4_z5} == {0}
    assert {one[4:] for one in a4_z5} == {("45678" * 2)[k : k + 5] for k in range(5)}


@pytest.mark.parametrize("ignored", [0.0, 0.8])
def test_flip_flop(ignored: float) -> None:
    counts = {"w": 0, "i": 0, "r": 0}
    for one in drawn(FlipFlop(ignored, Lengths(40, 4), **FEW).load(0), 200):
        pairs = [one.x[k : k + 2] for k in range(0, len(one.x), 2)]
        assert pairs[0][0] == "w" and pairs[-1][0] == "r" and len(one.x) == 2 * (one.size // 2)
        written, place = "", 0
        for k, (what, bit) in enumerate(pairs):
            counts[what] += 1
            if what == "w":
                written, place = bit, 2 * k + 1
            assert one.y[2 * k : 2 * k + 2] == ([written, ""] if what == "r" else ["", ""])
            if what == "r":
                assert bit == written and one.ages[2 * k] == 2 * k - place
    assert (counts["i"] == 0) == (ignored == 0)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("certain_only", [False, True])
def test_counters(language: Language, certain_only: bool) -> None:
    times = {"anbn": "ab", "anb2n": "abb", "anbncn": "abc", "anbncndn": "abcd"}[language.value]
    for one in drawn(Counters(language, certain_only, Lengths(9, 1), **FEW).load(0)):
        letters = sorted(set(times))
        string = "".join(letter * times.count(letter) * one.size for letter in letters)
        assert one.x == "⊢" + string
        wanted = [*string, "⊣"]
        if certain_only:
            wanted[: one.size + 1] = [""] * (one.size + 1)
        assert one.y == wanted


def test_the_optimum_of_counters_is_what_a_counter_gets() -> None:
    """Of all strings together: the hazard of each letter a, and nothing after the first b."""
    shortest, longest = 3, 9
    nats = steps = 0.0
    for n in range(shortest, longest + 1):
        for k in range(1, n + 1):  # after the k-th a: another one, or b
            possible = longest - max(k, shortest) + 1
            p = 1 / possible if k >= shortest else 0
            nats -= math.log(p if k == n else 1 - p)
        steps += 2 * n + 1
    found = Counters(lengths=Lengths(longest, shortest), **FEW).load(0).levels[1]
    assert found.key == "level/loss_optimum" and found.value == pytest.approx(nats / steps)


def test_dyck() -> None:
    words = set()
    for one in drawn(Dyck(3, Lengths(9, 1), **FEW).load(0), 200):
        open_ones: list[str] = []
        for symbol, top in zip(one.x, one.y, strict=True):
            if symbol in "([{":
                open_ones.append(")]}"["([{".index(symbol)])
            else:
                assert open_ones.pop() == symbol
            assert top == (open_ones[-1] if open_ones else "–")
        assert not open_ones and len(one.x) == 2 * one.size
        words.add(one.x)
    assert len(words) > 150


def test_all_dyck_words_are_as_frequent() -> None:
    found = [one.x for one in drawn(Dyck(1, Lengths(3), **FEW).load(0), 5000)]
    shares = np.array([found.count(word) for word in sorted(set(found))]) / 5000
    assert len(shares) == 5 and np.allclose(shares, 0.2, atol=0.03)


def test_associative_recall() -> None:
    for one in drawn(AssociativeRecall(10, Lengths(26, 1), **FEW).load(0), 100):
        pairs, key = dict(zip(one.x[:-1:2], one.x[1::2], strict=True)), one.x[-1]
        assert len(pairs) == one.size and one.y == pairs[key]
        assert one.ages == [len(one.x) - 1 - one.x.index(key) - 1]


def test_delayed_echo() -> None:
    for one in drawn(DelayedEcho(3, 4, Lengths(12, 4), **FEW).load(0)):
        assert one.y == [""] * 3 + list(one.x[:-3])
        assert one.ages == [0] * 3 + [3] * (len(one.x) - 3)


def test_digits() -> None:
    rows, pixels = Digits().load(0), Digits(Reading.pixels).load(0)
    assert rows.train.lengths[0] == 8 and pixels.train.lengths[0] == 64
    assert len(rows.train) + len(rows.val) == 1797 and len(rows.val) == 359
    assert np.array_equal(rows.train.features.ravel(), pixels.train.features.ravel())
    permuted = Digits(Reading.permuted).load(0)
    one, other = (c.train.features[: 64 * 9].reshape(9, 64) for c in (pixels, permuted))
    assert np.array_equal(np.sort(one), np.sort(other)) and not np.array_equal(one, other)
    assert np.array_equal(Digits(Reading.permuted).load(0).val.y, rows.val.y)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Adding(lengths=Lengths(7)), "lengths=7: must be at least 8"),
        (lambda: TemporalOrder(4), "relevant=4: must be 2 or 3"),
        (lambda: DelayedEcho(5, lengths=Lengths(5)), "lengths=5: must be at least 6"),
        (lambda: AssociativeRecall(lengths=Lengths(27)), "at most 26"),
        (lambda: Lengths(5, 6), "lengths.shortest=6: must be 0 … 5, which is lengths.longest"),
        (lambda: Lengths(5, 0, 9, 10), "lengths.val_shortest=10: must be 0 … 9"),
        (lambda: Parity(held_out=0), "held_out=0: must be at least 1"),
        (lambda: FlipFlop(1.0), "ignored=1.0"),
    ],
)
def test_a_range_that_is_refused(make, words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)):
        make()
