"""ABC text (the standard 2.1) as scores: the header, the lines, and what stands in them.

What counts: X T M L Q K V and inline fields, notes, rests, chords, ties, tuplets, broken rhythm,
bar lines, chord symbols in quotes. Passed over: lyrics, decorations, grace notes, slurs, comments
and annotations. Repeats are read once, as they are written.
"""

from __future__ import annotations

import re
from fractions import Fraction

from rnnx.errors import DataError
from rnnx_jazz.abcvoice import Voice, key_signature, metre_of, unit_of
from rnnx_jazz.music import Bar, refuse_long, rooted
from rnnx_jazz.scores import Part, Score

FIELD = re.compile(r"([A-Za-z]):\s*(.*)")
ITEM = re.compile(
    r'"(?P<quote>[^"\n]*)"'
    r"|\[(?P<field>[KLMQV]):(?P<value>[^\]\n]*)\]"
    r"|\[[A-Za-z]:[^\]\n]*\]|\{[^}\n]*\}|![^!\n|]*!|\+[a-z]+\+"
    r"|\((?P<p>[2-9])(?::(?P<q>\d?))?(?::(?P<r>\d{0,2}))?(?=[^0-9])"
    r"|(?P<bar>:*\|[|\]:]*(?:\[?[1-9][0-9,.-]*)?|\[\||::+|\[[1-9][0-9,.-]*)"
    r"|(?P<note>(?:\^\^|\^|__|_|=)?[A-Ga-g][',]*)(?P<length>\d*/*\d*)"
    r"|\[(?P<chord>[^\]\n]*)\](?P<chord_length>\d*/*\d*)"
    r"|(?P<rest>[zxZX])(?P<rest_length>\d*/*\d*)"
    r"|(?P<tie>-)|(?P<broken>[<>]{1,3})|(?P<overlay>&[^|\n]*)|."
)
INNER = re.compile(r"(?P<note>(?:\^\^|\^|__|_|=)?[A-Ga-g][',]*)(?P<length>\d*/*\d*)")


def read_abc(text: str, where: str) -> list[Score]:
    """Every tune of a text; DataError where there is none."""
    text = re.sub(r"\\\s*\n", " ", text.replace("\r\n", "\n").replace("\r", "\n"))
    tunes = re.split(r"(?m)^(?=X:)", text)
    bodies = [body for body in tunes if _has_key(body)]
    if not bodies:
        raise DataError(f"{where}: holds no tune in ABC: no line of it begins with K: (the key)")
    if len(bodies) == 1:
        return [_tune(bodies[0], where, 1)]
    return [_one_of_many(body, where, n) for n, body in enumerate(bodies, 1)]


def _one_of_many(body: str, where: str, number: int) -> Score:
    """A tune of a collection; what is wrong with it is kept, for the others can be read."""
    title = re.search(r"(?m)^T:[ \t]*(\S.*)$", body)
    name = title[1].strip() if title else f"tune {number}"
    try:
        return _tune(body, f"{where}: {name}", number)
    except DataError as error:
        return Score(name, (), (), (), fault=str(error))


def _has_key(body: str) -> bool:
    return re.search(r"(?m)^K:", body) is not None


class _Header:
    """The fields above the music."""

    def __init__(self) -> None:
        self.title, self.metre, self.tempo = "", (4, 4), 130.0
        self.unit: Fraction | None = None
        self.key: dict[str, int] = {}

    def take(self, name: str, value: str, where: str) -> None:
        if name == "T" and not self.title:
            self.title = value
        elif name == "M":
            self.metre = metre_of(value, where)
        elif name == "L":
            self.unit = unit_of(value, where)
        elif name == "Q":
            self.tempo = _tempo(value) or self.tempo
        elif name == "K":
            self.key = key_signature(value)

    @property
    def length(self) -> Fraction:
        """The unit length in quarters: a sixteenth where the metre is below 3/4."""
        beats, unit = self.metre
        return self.unit or Fraction(1, 4 if Fraction(beats, unit) < Fraction(3, 4) else 2)


def _tune(body: str, where: str, number: int) -> Score:
    header, current = _Header(), None
    voices: dict[str, Voice] = {}
    for written in body.split("\n"):
        line = written.partition("%")[0].strip()
        field = FIELD.fullmatch(line)
        if field and field[1] == "V":
            current = _voice(voices, field[2], header)
        elif field and current is not None:
            current.field(field[1], field[2].strip(), where)
        elif field:
            header.take(field[1], field[2].strip(), where)
            if field[1] == "K":
                current = _voice(voices, "", header)
        elif current is not None and line:
            current = _line(line, current, voices, header, where)
    return _score(header, voices, number)


def _voice(voices: dict[str, Voice], told: str, header: _Header) -> Voice:
    """The voice of ``V:name …``; what stood before any V: is the first one named."""
    name = told.split(maxsplit=1)[0] if told.split() else ""
    if name not in voices:
        if name and "" in voices and not voices[""].began:
            del voices[""]
        voices[name] = Voice(header.key, header.length, header.metre)
    return voices[name]


def _line(line: str, voice: Voice, voices: dict[str, Voice], header: _Header, where: str) -> Voice:
    for item in ITEM.finditer(line):
        kind = item.lastgroup
        if item["field"] == "V":
            voice = _voice(voices, item["value"].strip(), header)
        elif item["field"]:
            voice.field(item["field"], item["value"].strip(), where)
        elif item["quote"] is not None:
            voice.symbol(item["quote"])
        elif item["p"]:
            voice.tuplet(int(item["p"]), int(item["q"] or 0), int(item["r"] or 0))
        elif item["bar"]:
            voice.bar_line()
        elif item["note"]:
            voice.sound([item["note"]], item["length"])
        elif item["chord"]:
            inside = list(INNER.finditer(item["chord"]))
            lengths = (inside[0]["length"], item["chord_length"]) if inside else ("", "")
            voice.sound([note["note"] for note in inside], *lengths)
        elif item["rest"]:
            voice.rest(item["rest"], item["rest_length"])
        elif kind == "tie":
            voice.tie()
        elif item["broken"]:
            voice.broken(item["broken"])
        refuse_long(len(voice.bars), len(voice.notes), where)
    return voice


def _score(header: _Header, voices: dict[str, Voice], number: int) -> Score:
    for voice in voices.values():
        voice.bar_line()
    longest = max(voices.values(), key=lambda voice: voice.now)
    bars = tuple(Bar(*bar) for bar in longest.bars)
    changes = list(rooted([change for voice in voices.values() for change in voice.changes]))
    if changes:
        changes[0] = changes[0]._replace(start=0)
    remarks = tuple(remark for voice in voices.values() for remark in voice.remarks)
    parts = tuple(Part(name or "melody", tuple(voice.merged())) for name, voice in voices.items())
    title = header.title or f"tune {number}"
    return Score(title, bars, parts, tuple(changes), header.tempo, remarks=remarks)


def _tempo(value: str) -> float | None:
    found = re.search(r"(?:(\d{1,2})/(\d{1,2})\s*=\s*)?(\d{1,4})\s*(?:\"|$)", value)
    if not found or not int(found[3]):
        return None
    unit = Fraction(int(found[1] or 1), int(found[2] or 4) or 4) * 4
    return min(max(float(int(found[3]) * unit), 10.0), 600.0)
