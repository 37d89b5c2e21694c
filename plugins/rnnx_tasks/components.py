"""Components: the tasks of this package, and a head for answers that are read at once."""

from rnnx.registry.hookspecs import Register, hookimpl


@hookimpl
def register_datasets(register: Register) -> None:
    register("adding", "rnnx_tasks.adding:Adding")
    register("associative_recall", "rnnx_tasks.associative_recall:AssociativeRecall")
    register("bucket_sort", "rnnx_tasks.rearranging:BucketSort")
    register("copy", "rnnx_tasks.copying:Copy")
    register("counters", "rnnx_tasks.counters:Counters")
    register("cycle_navigation", "rnnx_tasks.cycle_navigation:CycleNavigation")
    register("delayed_echo", "rnnx_tasks.delayed_echo:DelayedEcho")
    register("digits", "rnnx_tasks.digits:Digits")
    register("duplicate_string", "rnnx_tasks.rearranging:DuplicateString")
    register("dyck", "rnnx_tasks.dyck:Dyck")
    register("embedded_reber", "rnnx_tasks.reber:EmbeddedReber")
    register("even_pairs", "rnnx_tasks.even_pairs:EvenPairs")
    register("flip_flop", "rnnx_tasks.flip_flop:FlipFlop")
    register("group", "rnnx_tasks.group:Group")
    register("missing_duplicate", "rnnx_tasks.missing_duplicate:MissingDuplicate")
    register("modular_arithmetic", "rnnx_tasks.modular_arithmetic:ModularArithmetic")
    register("multiplication", "rnnx_tasks.adding:Multiplication")
    register("odds_first", "rnnx_tasks.rearranging:OddsFirst")
    register("parity", "rnnx_tasks.parity:Parity")
    register("reber", "rnnx_tasks.reber:Reber")
    register("reverse_string", "rnnx_tasks.rearranging:ReverseString")
    register("selective_copy", "rnnx_tasks.selective_copy:SelectiveCopy")
    register("stack_manipulation", "rnnx_tasks.stack_manipulation:StackManipulation")
    register("temporal_order", "rnnx_tasks.temporal_order:TemporalOrder")


@hookimpl
def register_heads(register: Register) -> None:
    register("several_symbols", "rnnx_tasks.several_symbols:SeveralSymbols")
