"""The digest of a distribution's source: an editable plugin changes under one version."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES
from pathlib import Path

from rnnx.registry.manager import CORE, PACKAGE, plugins

CODE = (*SOURCE_SUFFIXES, *EXTENSION_SUFFIXES)


def source_sha256(distribution: str) -> str:
    """SHA-256 (16 hexadecimal digits) of the code of the packages that its entry points name.

    It is computed once a process: what is imported does not follow later edits.
    """
    known = plugins().sources
    if distribution not in known:
        known[distribution] = _digest(_packages(distribution))
    return known[distribution]


def _packages(distribution: str) -> set[Path]:
    """The folders of a distribution's packages, and the files of its single modules."""
    found = {PACKAGE} if distribution == CORE else set()
    for owner in plugins().owners:
        if owner.distribution == distribution:
            module = owner.entry_point.partition("=")[2].partition(":")[0].strip()
            found |= {path for path in (_outermost(module),) if path is not None}
    return found


def _outermost(module: str) -> Path | None:
    """The outermost regular package of a module, or its file: a namespace is not one's own."""
    parts = module.split(".")
    for n in range(1, len(parts) + 1):
        file = getattr(sys.modules.get(".".join(parts[:n])), "__file__", None)
        if file:
            path = Path(file)
            return path.parent if path.stem == "__init__" else path
    return None


def _digest(packages: set[Path]) -> str:
    sha = hashlib.sha256()
    for package in sorted(packages):
        for path in _files(package):
            name = path.relative_to(package.parent).as_posix()
            try:
                content = path.read_bytes()
            except OSError:  # an editor may just be replacing it
                content = b""
            sha.update(f"{name}\0{len(content)}\0".encode("utf-8", "surrogateescape") + content)
    return sha.hexdigest()[:16]


def _files(package: Path) -> Iterator[Path]:
    if package.is_file():
        yield package
        return
    yield from sorted(path for path in package.rglob("*") if path.name.endswith(CODE))
