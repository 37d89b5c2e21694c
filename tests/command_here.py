"""A command line in this process, which has imported everything."""

import sys

import pytest

from rnnx.cli.main import main


def exit_code(patch: pytest.MonkeyPatch, *words: str) -> int:
    """Run ``rnnx WORDS``; its exit code."""
    patch.setattr(sys, "argv", ["rnnx", *words])
    try:
        main()
    except SystemExit as ended:
        return int(str(ended.code or 0))
    return 0
