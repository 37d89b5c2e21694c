"""The state of the git repository of the working folder; git runs no program of the repository's.

A repository may come from anybody, as an archive with its ``.git``, and its configuration can name
programs: a monitor of files, hooks, filters of files' contents.
"""

from __future__ import annotations

import os
import subprocess

TIMEOUT = 5.0  # seconds of one call of git
STATUS = ["status", "--porcelain=v2", "--branch", "--untracked-files=no", "--ignore-submodules=all"]


def git_state() -> dict[str, str]:
    """``git.commit``, ``git.branch`` and whether tracked files were changed, ``git.dirty``.

    Empty outside a repository and before its first commit. A detached HEAD has no branch. In a
    repository with filters of its own nobody compares contents: it has no ``git.dirty``.
    """
    scopes = _git("config", "--show-scope", "--name-only", "--get-regexp", r"^filter\.")
    if scopes is None or any(line.startswith(("local", "worktree")) for line in scopes):
        lines = _git("rev-parse", "HEAD", "--abbrev-ref", "HEAD") or []
        return _state(*lines) if len(lines) == 2 else {}
    lines = _git(*STATUS) or []
    told = dict(line[2:].partition(" ")[::2] for line in lines if line.startswith("# "))
    dirty = "true" if any(not line.startswith("# ") for line in lines) else "false"
    state = _state(told.get("branch.oid", ""), told.get("branch.head", ""))
    return {**state, "git.dirty": dirty} if state else {}


def _state(commit: str, branch: str) -> dict[str, str]:
    if not commit or commit.startswith("("):  # (initial)
        return {}
    is_detached = branch in ("", "HEAD") or branch.startswith("(")
    return {"git.commit": commit} | ({} if is_detached else {"git.branch": branch})


def _git(*command: str) -> list[str] | None:
    """The lines that git prints; None where there is no git or it fails. No match is no failure."""
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}  # it writes nothing, so it runs no hook
    try:
        asked = subprocess.run(
            ["git", "-c", "core.fsmonitor=false", *command],
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    nothing_found = asked.returncode == 1 and command[0] == "config"
    if asked.returncode and not nothing_found:
        return None
    return asked.stdout.decode("utf-8", "replace").splitlines()
