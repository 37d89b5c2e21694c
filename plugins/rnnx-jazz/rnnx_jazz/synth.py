"""A small synthesizer: a tune as 16-bit mono WAV, with NumPy and the standard library's wave."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterable

import numpy as np

from rnnx import Array
from rnnx.errors import DataError
from rnnx_jazz.music import TICKS, Tune
from rnnx_jazz.performance import PLAIN, SWINGING, Played, Style, accompaniment, melody

RATE = 22_050  # samples a second
LONGEST = 15 * 60  # seconds
LEAD = (1.0, 0.6, 0.35, 0.2, 0.1)  # amplitudes of the harmonics
SOFT = (1.0, 0.3, 0.1)
ATTACK, RELEASE, DECAY = 0.012, 0.05, 1.5  # seconds


def seconds_of(tune: Tune) -> float:
    """How long the sound of a tune is."""
    return tune.end / TICKS * 60 / tune.tempo + 0.5


def wav_bytes(tune: Tune, style: Style = SWINGING) -> bytes:
    """The melody over soft chords; DataError for a tune of more than a quarter of an hour."""
    seconds = seconds_of(tune)
    if seconds > LONGEST:
        raise DataError(
            f"the sound would take {seconds / 60:.0f} minutes; 15 are the most: give fewer bars "
            "or a higher tempo"
        )
    sound = np.zeros(int(seconds * RATE) + 1, np.float32)
    _mix(sound, melody(tune, style), tune.tempo, LEAD, 0.5)
    _mix(sound, accompaniment(tune), tune.tempo, SOFT, 0.16)
    peak = float(np.abs(sound).max()) or 1.0
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((sound * (0.9 * 32767 / peak)).astype("<i2").tobytes())
    return out.getvalue()


def _mix(
    sound: Array, notes: Iterable[Played], tempo: float, harmonics: tuple[float, ...], volume: float
) -> None:
    per_tick = 60 / tempo / TICKS * RATE
    known: dict[tuple[int, float], Array] = {}
    for note in notes:
        key = (note.pitch, round(note.end - note.start, 3))
        if key not in known:
            known[key] = _tone(note.pitch, key[1] * per_tick / RATE, harmonics)
        begin = int(note.start * per_tick)
        end = min(begin + len(known[key]), len(sound))
        sound[begin:end] += volume * note.velocity / PLAIN * known[key][: end - begin]


def _tone(pitch: int, seconds: float, harmonics: tuple[float, ...]) -> Array:
    """A note that rises, fades, and is released behind its end."""
    t = np.arange(int((seconds + RELEASE) * RATE), dtype=np.float32) / RATE
    frequency = 440 * 2 ** ((pitch - 69) / 12)
    tone = np.zeros_like(t)
    for k, amplitude in enumerate(harmonics, 1):
        if k * frequency < RATE / 2:
            tone += amplitude * np.sin(2 * np.pi * k * frequency * t)
    envelope = np.minimum(t / ATTACK, 1) * np.exp(-t / DECAY)
    found: Array = tone * envelope * np.clip((seconds + RELEASE - t) / RELEASE, 0, 1)
    return found
