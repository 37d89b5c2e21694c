"""A run's description, which MLflow shows as Markdown; the user's own is never replaced.

rnnx's ends in a line that Markdown does not show, with a digest of the text before it: a
description that somebody has edited does not fit its digest any more.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

DESCRIPTION = "mlflow.note.content"  # the tag
LENGTH = 4900  # characters; a tag has 5000
EARLIER = "Best run: ["  # how the description by an earlier rnnx begins
MARK = re.compile(r"\n\n\[//\]: # \(rnnx ([0-9a-f]{16})\)\s*\Z")
LINK = re.compile(r"\]\(run:([\w-]{1,255})\)")


def note(text: str, run: Any) -> dict[str, str]:
    """The tag for a description of the run; empty where the user has written another one."""
    before = run.data.tags.get(DESCRIPTION, "")
    if before.strip() and not _is_own(before):
        return {}
    page = rf"](#/experiments/{run.info.experiment_id}/runs/\1)"
    shown = LINK.sub(page, text)
    if len(shown) > LENGTH:
        shown = shown[: LENGTH - 1] + "…"
    return {DESCRIPTION: f"{shown}\n\n[//]: # (rnnx {_digest(shown)})"}


def _is_own(text: str) -> bool:
    mark = MARK.search(text)
    if mark is None:
        return text.startswith(EARLIER) and "\n" not in text.strip()
    return mark[1] == _digest(text[: mark.start()])


def _digest(text: str) -> str:
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:16]
