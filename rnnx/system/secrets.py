"""Addresses of servers and their passwords: ``postgresql://user:password@host/db``.

Files and lines have no password. Where such an address comes in, the address without password goes
on and the whole one is kept here, for as long as the process lives, and in its environment for the
processes that it starts.

A folder or a store may come from anybody, and with it the address of a server. So the servers that
the user named in this command are kept here, too: no other one is sent a password.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

VARIABLE = "RNNX_TRACKER_URI"  # the whole address of the server that the user named
OTHER_ADDRESSES = ("MLFLOW_TRACKING_URI",)  # variables that may hold an address, too
# Variables that are secrets themselves.
SECRETS = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "PGPASSWORD", "MYSQL_PWD")
SHORTEST = 4  # characters of a password that is looked for in a text by itself

_ADDRESS = re.compile(r"([A-Za-z][\w+.-]*)://(.*)", re.DOTALL)
_HOST = re.compile(r"(?:[^:\[\]]*|\[.*\])(?::\d*)?")
_FIELD = re.compile(
    r"(?i)pass|pwd|secret|token|credential|signature|auth|(?:api|access|account)_?key"
)
_IN_TEXT = re.compile(r"([A-Za-z][\w+.-]*://)([^\s/@'\"]*):[^\s'\"]*@")
_FIELD_IN_TEXT = re.compile(rf"([?&;][\w.-]*(?:{_FIELD.pattern[4:]})[\w.-]*=)[^\s&'\";)]+", re.I)
_taken: dict[str, str] = {}  # address without password → whole address
_named: set[str] = set()  # addresses without password


def without_password(text: str) -> str:
    """The address without its password; any other text as it is."""
    match = _ADDRESS.fullmatch(text)
    if match is None or match[1].lower().partition("+")[0] == "sqlite":
        return text
    is_web = match[1].lower() in ("http", "https")
    # The last @: a password may hold others, and / and ? too.
    user, at, rest = match[2].rpartition("@")
    head = re.split("[/?#]", user)[0]
    if at and is_web and head != user and _HOST.fullmatch(head):  # it is of the path
        user, rest = "", match[2]
    user = "" if is_web else user.partition(":")[0]
    host, mark, query = rest.partition("?")
    kept = [part for part in query.split("&") if not _FIELD.search(part.partition("=")[0])]
    query = "&".join(kept)
    return f"{match[1]}://{user}{'@' if user else ''}{host}{'?' if mark and query else ''}{query}"


def take_out(text: str) -> str:
    """The same; an address with a password is remembered for :func:`whole`."""
    without = without_password(text)
    if without != text:
        _taken[without] = text
        os.environ[VARIABLE] = text
    return without


def take_out_of(value: Any) -> Any:
    """A value, or nested mappings and lists of values, each without its password."""
    return _each_text(value, take_out)


def without_passwords(value: Any) -> Any:
    """The same for what came from a file: nothing of it is remembered."""
    return _each_text(value, without_password)


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: _each_text(inner, change) for key, inner in value.items()}
    if isinstance(value, list):
        return [_each_text(inner, change) for inner in value]
    return change(value) if isinstance(value, str) else value


def name_servers(value: Any) -> None:
    """Note every address in a value, or in nested mappings and lists, as named by the user."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            name_servers(inner)
    elif isinstance(value, str) and _ADDRESS.fullmatch(value) and value not in _named:
        if value.lower().startswith("sqlite"):
            return  # a file
        _named.add(value)
        os.environ[VARIABLE] = whole(value)


def is_named(text: str) -> bool:
    """Whether the user named the server of this address in this command or its environment."""
    named = {*_named, *map(without_password, _of_environment())}
    return without_password(text).rstrip("/") in {name.rstrip("/") for name in named}


def taken() -> list[str]:
    """The addresses from which a password was taken out in this process."""
    return list(_taken)


def has_passwords() -> bool:
    """Whether this process or its environment knows an address with a password."""
    return bool(_taken) or any(without_password(uri) != uri for uri in _of_environment())


def whole(text: str) -> str:
    """The address with the password that this process or its environment knows for it."""
    if text in _taken:
        return _taken[text]
    return next((found for found in _of_environment() if without_password(found) == text), text)


def masked(text: str) -> str:
    """A text, such as a library's error, without any password that is known or looks like one."""
    for secret in sorted(set(_known()), key=len, reverse=True):
        if len(secret) >= SHORTEST:
            text = text.replace(secret, "…")
    text = _IN_TEXT.sub(r"\1\2:…@", text)
    return _FIELD_IN_TEXT.sub(r"\1…", text)


def _known() -> Iterator[str]:
    """Every password and token that the process or its environment knows."""
    for uri in {*_taken.values(), *_of_environment()}:
        without = without_password(uri)
        if without == uri:
            continue
        userinfo = uri.partition("://")[2].rpartition("@")[0]
        user, _, password = userinfo.partition(":")
        fields = uri.partition("?")[2].split("&")
        values = (field.partition("=")[2] for field in fields if _FIELD.search(field))
        for found in (password or user, *values):
            yield from (found, unquote(found))
    yield from (os.environ[name] for name in SECRETS if name in os.environ)


def _of_environment() -> list[str]:
    return [os.environ[name] for name in (VARIABLE, *OTHER_ADDRESSES) if os.environ.get(name)]
