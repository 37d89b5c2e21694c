"""The arrays of a .npy or .npz file: numbers alone, never a pickle."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping

import numpy as np

from rnnx.arrays import Array
from rnnx.data.named_file import NamedFile
from rnnx.errors import DataError

NPY, ZIP = b"\x93NUMPY", b"PK\x03\x04"  # how the two kinds of file begin
KINDS = "buif"  # of numbers that a network can take: bool, unsigned, signed, floating


def is_array_file(file: NamedFile) -> bool:
    """Whether it begins like a .npy or a .npz file."""
    with file.binary() as opened:
        return opened.read(6).startswith((NPY, ZIP))


def read_arrays(file: NamedFile) -> Mapping[str, Array]:
    """Array by name; that of a .npy file is called x. DataError for anything but numbers.

    A file with Python objects is refused: reading those can run any code.
    """
    if not is_array_file(file):
        raise DataError(
            f"{file.name}: is no .npy or .npz file; make one with numpy.savez(FILE, NAME=ARRAY, …)"
        )
    try:
        with file.binary() as opened:
            found = np.load(opened)
            arrays = {"x": found} if isinstance(found, np.ndarray) else dict(found)
    except (ValueError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile) as error:
        if "Object arrays" in str(error):
            what = "holds Python objects, which rnnx does not load; save arrays of numbers"
            raise DataError(f"{file.name}: {what}") from None
        cause = " ".join(str(error).split())[:200]
        raise DataError(f"{file.name}: is damaged ({cause}); save it anew") from None
    for name, values in arrays.items():
        if values.dtype.kind not in KINDS:
            raise DataError(
                f"{file.name}: array {name!r} is {values.dtype}; expected numbers "
                "(bool, int or float)"
            )
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            place = tuple(int(k) for k in np.argwhere(~np.isfinite(values))[0])
            raise DataError(
                f"{file.name}: array {name!r} at {place} is {values[place]}; expected finite "
                "numbers; give what does not count the weight 0"
            )
    return arrays
