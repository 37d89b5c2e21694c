"""Components: the tasks of this package."""

from rnnx.registry.hookspecs import Register, hookimpl
from rnnx_tasks.adding import Adding, Multiplication
from rnnx_tasks.associative_recall import AssociativeRecall
from rnnx_tasks.copying import Copy
from rnnx_tasks.counters import Counters
from rnnx_tasks.cycle_navigation import CycleNavigation
from rnnx_tasks.delayed_echo import DelayedEcho
from rnnx_tasks.digits import Digits
from rnnx_tasks.dyck import Dyck
from rnnx_tasks.even_pairs import EvenPairs
from rnnx_tasks.flip_flop import FlipFlop
from rnnx_tasks.group import Group
from rnnx_tasks.missing_duplicate import MissingDuplicate
from rnnx_tasks.modular_arithmetic import ModularArithmetic
from rnnx_tasks.parity import Parity
from rnnx_tasks.rearranging import BucketSort, DuplicateString, OddsFirst, ReverseString
from rnnx_tasks.reber import EmbeddedReber, Reber
from rnnx_tasks.selective_copy import SelectiveCopy
from rnnx_tasks.stack_manipulation import StackManipulation
from rnnx_tasks.temporal_order import TemporalOrder


@hookimpl
def register_datasets(register: Register) -> None:
    register("adding", Adding)
    register("associative_recall", AssociativeRecall)
    register("bucket_sort", BucketSort)
    register("copy", Copy)
    register("counters", Counters)
    register("cycle_navigation", CycleNavigation)
    register("delayed_echo", DelayedEcho)
    register("digits", Digits)
    register("duplicate_string", DuplicateString)
    register("dyck", Dyck)
    register("embedded_reber", EmbeddedReber)
    register("even_pairs", EvenPairs)
    register("flip_flop", FlipFlop)
    register("group", Group)
    register("missing_duplicate", MissingDuplicate)
    register("modular_arithmetic", ModularArithmetic)
    register("multiplication", Multiplication)
    register("odds_first", OddsFirst)
    register("parity", Parity)
    register("reber", Reber)
    register("reverse_string", ReverseString)
    register("selective_copy", SelectiveCopy)
    register("stack_manipulation", StackManipulation)
    register("temporal_order", TemporalOrder)
