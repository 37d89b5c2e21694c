"""How the compiler is loaded."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

pytestmark = pytest.mark.skipif(
    find_spec("numba") is None, reason="the extra 'fast' is not installed"
)
PROGRAM = """
import sys
from rnnx.system import compiler

compiler.prepare_to_compile()
assert "numba" in sys.modules and "rnnx.models" not in sys.modules
print("scipy.linalg" in sys.modules)
import numba, numpy as np
print(numba.njit(lambda a: np.dot(a, a))(np.full((2, 2), 3.0)).tolist())
"""


def test_kernels_load_no_linear_algebra_and_others_can() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == ["False", "[[18.0, 18.0], [18.0, 18.0]]"], done.stderr
