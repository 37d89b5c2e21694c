"""Products over all steps at once, by the BLAS: every thread takes pieces of the result.

The BLAS's own threads go on spinning for a tenth of a second after a product and hold the very
processors that a kernel's threads then need, so they are not used.
"""

from __future__ import annotations

import numpy as np

from rnnx.arrays import Array
from rnnx.system.threads import BlasThreads
from rnnx_builtin.kernels.simd.work_queue import divided

SMALL = 2**23  # multiplications; below, waking a thread takes longer than it saves
MULTIPLE = 32  # a part's rows or columns


def matmul(a: Array, b: Array, out: Array, threads: int) -> Array:
    """out (n, m) = a (n, k) @ b (k, m), divided among ``threads`` along its longer side."""
    if threads == 1:
        return np.matmul(a, b, out=out)
    (n, m), k = out.shape, a.shape[1]

    def columns(first: int, last: int) -> None:
        np.matmul(a, b[:, first:last], out=out[:, first:last])

    def rows(first: int, last: int) -> None:
        np.matmul(a[first:last], b, out=out[first:last])

    with BlasThreads(1):
        many = threads if n * m * k >= SMALL else 1
        divided(columns if m > n else rows, max(n, m), many, MULTIPLE)
    return out
