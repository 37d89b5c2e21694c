"""The conformance suite without the checks that take seconds a cell.

The whole suite, with shapes from Hypothesis and other processes, is in tests/slow.
"""

from rnnx.testing import cells
from rnnx.testing.suite import make_suite

SECONDS = {
    cells.check_any_shape,
    cells.check_large_sizes,
    cells.check_other_process,
    cells.check_history,
    cells.check_threads,
    cells.check_process,
    cells.check_compiled,
}

# Not "cell": the number of checks that a whole suite of cells runs is counted there.
LeanSuite = make_suite("lean_cell", [check for check in cells.CHECKS if check not in SECONDS])
