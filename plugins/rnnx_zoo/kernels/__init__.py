"""Compiled kernels of the zoo: one loop for all cells whose units see themselves alone.

They need numba (the extra ``fast``) and are imported only when a run computes with it.
"""
