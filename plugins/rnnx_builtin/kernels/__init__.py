"""Compiled kernels: what the cells and the head compute when their scratch says ``compiled``.

They need numba (the extra ``fast``) and are imported only then. The NumPy code beside each
component is the reference; these give its figures to rounding.
"""
