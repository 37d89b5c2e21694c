"""``rnnx plugins``: every component with its owner, and what failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rnnx.contracts.components import KINDS
from rnnx.registry.first_line import first_line_of
from rnnx.registry.manager import Plugins, plugins
from rnnx.system.text import json_text, printable


def show_plugins(as_json: bool, strict: bool) -> int:
    """Print every component with its owner, then what failed; 1 if strict and any did."""
    found = plugins()
    if as_json:
        print(json_text(_as_json(found)))
    else:
        for kind, plural in KINDS.items():
            print(f"{plural}:")
            for entry in found.registry:
                if entry.kind == kind:
                    about = f"{entry.owner}  ({first_line_of(entry)})"
                    print(printable(f"  {entry.name:<16} {about}"))
        for failure in found.failures:
            print(printable(f"failed: {failure}"))
        for note in found.notes:
            print(printable(f"note: {note}"))
        if found.failures:
            print("more of these, and what to do: rnnx plugins doctor")
    return 1 if strict and found.failures else 0


def _as_json(found: Plugins) -> Mapping[str, Any]:
    return {
        "components": [
            {
                "kind": entry.kind,
                "name": entry.name,
                "class": entry.place.replace(":", "."),
                "distribution": entry.owner.distribution,
                "version": entry.owner.version,
                "entry_point": entry.owner.entry_point,
                "description": first_line_of(entry),
            }
            for entry in found.registry
        ],
        "failures": [
            {
                "distribution": failure.owner.distribution,
                "version": failure.owner.version,
                "entry_point": failure.owner.entry_point,
                "cause": failure.cause,
                "where": failure.where,
            }
            for failure in found.failures
        ],
        "notes": [{"distribution": n.owner.distribution, "note": n.text} for n in found.notes],
    }
