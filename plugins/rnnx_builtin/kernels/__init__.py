"""Compiled kernels of the cells and the softmax head.

simd/  vectors, activations, products, threads: nothing of recurrent networks
rnn/   sequences, cells, the head

They need numba (the extra ``fast``) and are imported only when a run computes with it. The NumPy
code of each component is the reference, which they equal up to rounding.
"""
