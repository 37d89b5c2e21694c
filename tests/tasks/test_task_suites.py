"""Every memory task passes the conformance suite of data sets."""

from contextlib import suppress

import pytest

from rnnx.testing import DatasetSuite, HeadSuite, datasets
from rnnx.testing.suite import NotApplicable
from rnnx_builtin.numerics.pooling import Pooling
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
from rnnx_tasks.group import Group
from rnnx_tasks.lengths import Lengths
from rnnx_tasks.missing_duplicate import MissingDuplicate
from rnnx_tasks.modular_arithmetic import ModularArithmetic
from rnnx_tasks.parity import Parity
from rnnx_tasks.rearranging import BucketSort, DuplicateString, OddsFirst, ReverseString
from rnnx_tasks.reber import EmbeddedReber, Reber
from rnnx_tasks.selective_copy import Answer, SelectiveCopy
from rnnx_tasks.several_symbols import SeveralSymbols
from rnnx_tasks.stack_manipulation import StackManipulation
from rnnx_tasks.temporal_order import TemporalOrder

SHORT, LONG = Lengths(9, 4, 12, 10), Lengths(24, 20)
FEW = {"held_out": 8}

TASKS = {
    "adding": Adding(lengths=LONG, **FEW),
    "adding, as in 1997": Adding(Protocol.original, LONG, **FEW),
    "multiplication": Multiplication(LONG, **FEW),
    "associative_recall": AssociativeRecall(lengths=SHORT, **FEW),
    "copy": Copy(lengths=SHORT, **FEW),
    "copy, the answer alone": Copy(3, 4, False, SHORT, **FEW),
    "counters": Counters(lengths=SHORT, **FEW),
    "counters, what is certain": Counters(Language.anbncn, True, SHORT, **FEW),
    "cycle_navigation": CycleNavigation(lengths=SHORT, **FEW),
    "cycle_navigation, every step": CycleNavigation(3, True, SHORT, **FEW),
    "delayed_echo": DelayedEcho(3, 4, SHORT, **FEW),
    "digits": Digits(),
    "digits, permuted": Digits(Reading.permuted, val_fraction=0.3),
    "dyck": Dyck(3, SHORT, **FEW),
    "even_pairs": EvenPairs(SHORT, **FEW),
    "flip_flop": FlipFlop(0.5, SHORT, **FEW),
    "group": Group(lengths=SHORT, **FEW),
    "missing_duplicate": MissingDuplicate(SHORT, **FEW),
    "modular_arithmetic": ModularArithmetic(lengths=SHORT, **FEW),
    "modular_arithmetic, brackets": ModularArithmetic(True, lengths=LONG, **FEW),
    "parity": Parity(SHORT, **FEW),
    "parity, every step": Parity(SHORT, every_step=True, **FEW),
    "bucket_sort": BucketSort(SHORT, **FEW),
    "duplicate_string": DuplicateString(SHORT, **FEW),
    "odds_first": OddsFirst(SHORT, **FEW),
    "reverse_string": ReverseString(SHORT, 3, **FEW),
    "reber": Reber(**FEW),
    "embedded_reber": EmbeddedReber(**FEW),
    "selective_copy": SelectiveCopy(lengths=SHORT, **FEW),
    "selective_copy, at once": SelectiveCopy(3, 4, SHORT, Answer.at_once, **FEW),
    "stack_manipulation": StackManipulation(SHORT, **FEW),
    "temporal_order": TemporalOrder(lengths=LONG, **FEW),
    "temporal_order, three": TemporalOrder(3, LONG, **FEW),
}


class TestTasks(DatasetSuite):
    """All checks: of a task that keeps tables, one that reads data, and one with options."""

    components = (TASKS["group"], TASKS["digits"], TASKS["parity, every step"])


class TestSeveralSymbols(HeadSuite):
    components = (
        SeveralSymbols(2),
        SeveralSymbols(4, pooling=Pooling.max),
        SeveralSymbols(2, hidden=5),
    )


# The others cost a process or two each.
QUICK = (
    datasets.check_determinism,
    datasets.check_targets,
    datasets.check_weights,
    datasets.check_endless,
    datasets.check_held_out,
    datasets.check_evaluation,
    datasets.check_sha256,
    datasets.check_process,
)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_a_data_set(name: str) -> None:
    for check in QUICK:
        with suppress(NotApplicable):
            check(TASKS[name])
