"""The jazz improviser: melodies over chords as tokens, and solos over charts never seen.

Importing this registers; music21, mido and matplotlib are imported where they are used.
"""

from rnnx import Register, hookimpl
from rnnx_jazz.dataset import Jazz
from rnnx_jazz.probe import Music

__version__ = "0.1.0"


@hookimpl
def register_datasets(register: Register) -> None:
    register("jazz", Jazz)


@hookimpl
def register_probes(register: Register) -> None:
    register("music", Music)


@hookimpl
def conf_paths() -> list[str]:
    return ["pkg://rnnx_jazz.conf"]
