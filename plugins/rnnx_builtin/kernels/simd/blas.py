"""Products over all steps at once, by the BLAS, each thread computing a part of the result.

The BLAS's own threads are not used: they spin for a tenth of a second after a product, on the
processors that the threads of a kernel need next.
"""

from __future__ import annotations

import numpy as np

from rnnx.arrays import Array
from rnnx.system.threads import BlasThreads
from rnnx_builtin.kernels.simd.work_queue import divide

SHARED_PRODUCT_MIN = 2**23  # multiplications; below, waking a thread takes longer than it saves
PART_MULTIPLE = 32  # rows or columns: a thread's part is a multiple of it


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
        parts = threads if n * m * k >= SHARED_PRODUCT_MIN else 1
        divide(columns if m > n else rows, max(n, m), parts, PART_MULTIPLE)
    return out
