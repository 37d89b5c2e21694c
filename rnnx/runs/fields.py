"""The fields of a run's and a sweep's JSON files, checked in one place where they are read.

A folder may come from anybody. A file with a field of another type is read as empty, and named
once on standard error.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rnnx.contracts.trackers import LARGEST, is_number, is_time
from rnnx.system.files import JSON_LIMIT, read_regular
from rnnx.system.text import printable

Check = Callable[[Any], bool]
STATUSES = ("RUNNING", "FINISHED", "FAILED", "KILLED", "SKIPPED")


def _is_string(value: Any) -> bool:
    return isinstance(value, str)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < LARGEST


def _is_status(value: Any) -> bool:
    return isinstance(value, str) and value in STATUSES


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_string, value))


def _maps_to_strings(value: Any) -> bool:
    # As a set of types: a command may check tens of thousands of files, with a hundred texts each.
    return isinstance(value, dict) and set(map(type, value.values())) <= {str}


def _maps_to_numbers(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    return set(map(type, value.values())) <= {float} or all(map(is_number, value.values()))


def _maps_to(check: Check) -> Check:
    """A check of a JSON object, whose keys are strings."""

    def is_mapping(value: Any) -> bool:
        return isinstance(value, dict) and all(map(check, value.values()))

    return is_mapping


RUN: Mapping[str, Check] = {
    **dict.fromkeys(("id", "name", "reason", "cwd", "place", "sweep", "takes_over"), _is_string),
    **dict.fromkeys(("config_hash", "seedless_hash", "data_sha256", "split_sha256"), _is_string),
    **dict.fromkeys(("versions", "sources", "tags", "own_tags", "machine"), _maps_to_strings),
    **dict.fromkeys(("overrides", "command", "entries"), _is_list_of_texts),
    **dict.fromkeys(("started", "ended"), is_time),
    **dict.fromkeys(("job", "seed", "steps"), _is_count),
    "monitor": _is_string,
    "loss_unit": _is_string,
    "higher_is_better": _is_list_of_texts,
    "pruned": lambda value: isinstance(value, bool),
    "told": _maps_to(_maps_to_strings),
    "status": _is_status,
    "metrics": _maps_to_numbers,
}
SWEEP: Mapping[str, Check] = {
    **dict.fromkeys(("asked", "typed", "before", "parent", "host", "cwd", "pruner"), _is_string),
    **dict.fromkeys(("overrides", "swept", "when"), _is_list_of_texts),
    "environment": _maps_to_strings,
    "started": is_time,
    **dict.fromkeys(("pid", "min_steps", "factor"), _is_count),
    "again": lambda value: isinstance(value, list),
}
JOB: Mapping[str, Check] = {
    **dict.fromkeys(("reason", "run_id", "entry"), _is_string),
    "job": _is_count,
    "overrides": _is_list_of_texts,
    "status": _is_status,
    "best_val_loss": lambda value: value is None or is_number(value),
    "seconds": is_number,
    "monitored": lambda value: value is None or is_number(value),
    "monitor": _is_string,
    "higher_is_better": lambda value: isinstance(value, bool),
    "hidden_size": lambda value: value is None or _is_count(value),
}


def own_overrides(fields: Mapping[str, Any]) -> list[str]:
    """The overrides of the command that trains a run again, from the fields of its run.json.

    A sweep's job of an earlier version has only its own there, without those of all jobs.
    """
    return list(fields.get("command") or fields.get("overrides") or [])


def read_fields(path: Path | str, checks: Mapping[str, Check]) -> dict[str, Any]:
    """The fields of a JSON file; empty where it is missing or has a field of another type."""
    try:
        content = read_regular(path, JSON_LIMIT)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        return _passed_over(path, error.strerror or str(error))
    return fields_in(content, path, checks)


def fields_in(content: bytes, path: Path | str, checks: Mapping[str, Check]) -> dict[str, Any]:
    """The fields in the content of the file ``path``; empty where one is of another type."""
    try:
        found = json.loads(content.decode())
    except (ValueError, RecursionError):
        return _passed_over(path, "is no JSON")
    return checked_fields(found, path, checks)


def checked_fields(found: Any, path: Path | str, checks: Mapping[str, Check]) -> dict[str, Any]:
    """What was read from the file ``path``; empty where a field is of another type."""
    if not isinstance(found, dict):
        return _passed_over(path, "is no mapping of fields")
    for name, check in checks.items():
        if name in found and not check(found[name]):
            return _passed_over(path, f"{name} is {json.dumps(found[name])[:60]}")
    return found


def _passed_over(path: Path | str, why: str) -> dict[str, Any]:
    _name_once(str(path), why)
    return {}


@functools.cache
def _name_once(path: str, why: str) -> None:
    print(f"rnnx: {printable(f'{path}: {why}; it is passed over')}", file=sys.stderr)
