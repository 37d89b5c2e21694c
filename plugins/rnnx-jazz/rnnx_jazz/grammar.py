"""What may come next in a solo over a chart: the grammar of the tokens.

The chart's own tokens, a root and a scale where a bar or a chord begins, are the only ones that
may stand there. How events fill a bar is in rhythm.py. Of the notes those may stand that

- the chord has, and that lie in the register (lines.py),
- on beats one and three of a bar are not outside of the chord's scale,
- lead a note outside of the scale by a semitone into it, at once,

a rest is no longer than a bar, and a bar that would be the last of a phrase's eight ends with one.
Nothing is drawn and thrown away: what may not stand there has the probability 0.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

import numpy as np

from rnnx import Array, State, Vocabulary
from rnnx_jazz.lexicon import Lexicon
from rnnx_jazz.lines import Lines
from rnnx_jazz.music import TICKS, Bar, Tune
from rnnx_jazz.rhythm import LEAVES, OUTSIDE, RESTED, TONE, Plan, Rhythm, stands
from rnnx_jazz.tokens import first_root, place_of

PHRASE = 8  # bars: the longest one ends before
ROOT, SCALE, TIME, WHAT = range(4)  # what is expected
SOUNDING, BEGUN = 16, 32  # further bits: the last event was a note; there was one


class Place(NamedTuple):
    """Where a solo stands: a column of the state."""

    tick: int
    expected: int  # ROOT, SCALE, TIME or WHAT
    ticks: int  # of the event whose time is known
    pitch: int  # of the last note; of what the first is counted from
    told: int  # the place among the changes of the chord that was told last; -1: none
    since: int  # the tick where the phrase began; -1: between phrases
    quiet: int  # ticks of rest that lie behind
    status: int


class JazzGrammar:
    """Solos over one chart, in the tokens of one vocabulary."""

    def __init__(self, vocabulary: Vocabulary, chart: Tune) -> None:
        self._chart, self._lexicon = chart, Lexicon(vocabulary)
        self._lines = Lines(self._lexicon)
        self._starts = [change.start for change in chart.changes]
        self._bar_of = np.repeat(np.arange(len(chart.bars)), [bar.length for bar in chart.bars])
        self._chords = [chart.chord_at(tick) for tick in range(chart.end)]
        known = [
            {chord: bool(find(chord).any()) for chord in set(self._chords)}
            for find in (self._lines.inside, self._lines.tones)
        ]
        notes = [[is_known[chord] for chord in self._chords] for is_known in known]
        self._rhythm = Rhythm(self._lexicon, chart, *notes)
        self._times: dict[tuple[int, ...], Array] = {}

    def start(self, B: int) -> State:
        """One array (fields of Place, B), at the beginning of the chart."""
        first = Place(0, ROOT, 0, first_root(self._chords[0]), -1, -1, 0, TONE)
        return (np.repeat(np.array([self._settled(first)], np.int64).T, B, axis=1),)

    def allowed(self, state: State) -> Array:
        columns = [self._allowed(Place(*column)) for column in state[0].T.tolist()]
        return np.stack(columns, axis=1)

    def follow(self, state: State, ids: Array) -> State:
        columns = zip(state[0].T.tolist(), ids.tolist(), strict=True)
        return (np.array([self._after(Place(*column), id) for column, id in columns], np.int64).T,)

    def _allowed(self, place: Place) -> Array:
        """(n_y,) of bool."""
        if place.tick >= self._chart.end:
            return np.zeros(self._lexicon.n_symbols, np.bool_)
        if place.expected in (ROOT, SCALE):
            forced: Array = np.arange(self._lexicon.n_symbols) == self._forced(place)
            return forced
        return self._whens(place) if place.expected == TIME else self._whats(place)

    def _after(self, place: Place, id: int) -> Place:
        if place.tick >= self._chart.end:
            return place
        if place.expected == ROOT:
            return self._settled(place._replace(expected=SCALE))
        if place.expected == SCALE:
            return place._replace(expected=TIME, told=self._change_at(place.tick))
        if place.expected == TIME:
            return place._replace(expected=WHAT, ticks=int(self._lexicon.ticks[id]))
        return self._settled(self._behind(place, id))

    def _behind(self, place: Place, id: int) -> Place:
        """Behind an event: a rest, a note or what is tied to one."""
        tick = place.tick + place.ticks
        if self._lexicon.is_rest[id]:
            quiet = place.quiet + place.ticks
            since = -1 if quiet >= TICKS else place.since
            status = place.status & ~SOUNDING | RESTED
            return place._replace(tick=tick, expected=ROOT, since=since, quiet=quiet, status=status)
        status, pitch = place.status & ~RESTED, place.pitch
        if self._lexicon.is_note[id]:
            pitch = self._lines.pitch(id, pitch, self._chords[place.tick])
            status = LEAVES[self._kind(id, place)]
        since = place.tick if place.since < 0 else place.since
        return Place(tick, ROOT, 0, pitch, place.told, since, 0, status | SOUNDING | BEGUN)

    def _settled(self, place: Place) -> Place:
        """The same, past what need not or cannot be told."""
        if place.tick >= self._chart.end:
            return place
        changes, now = self._chart.changes, self._change_at(place.tick)
        if place.expected == ROOT:
            if not self._begin(place):
                place = place._replace(status=place.status & ~RESTED)
            elif place.told >= 0 and changes[now].chord == changes[place.told].chord:
                return place._replace(expected=TIME)
            if self._forced(place) is None:
                place = place._replace(expected=SCALE)
        if place.expected == SCALE and self._forced(place) is None:
            return place._replace(expected=TIME, told=now)
        return place

    def _forced(self, place: Place) -> int | None:
        """The id of the chord's root or scale, where that is expected."""
        chord = self._chords[place.tick]
        if place.expected == SCALE:
            return self._lexicon.scale(chord.scale)
        before = self._chart.changes[max(place.told, 0)].chord
        return self._lexicon.root((chord.root - before.root) % 12)

    def _whens(self, place: Place) -> Array:
        """The times that may begin here."""
        plan = self._plan(place)
        before = place.pitch if place.status & OUTSIDE else 0
        key = (place.tick, place.status, place.quiet, plan.owes, before)
        if key not in self._times:
            lexicon, begin = self._lexicon, self._begin(place)
            here = lexicon.named(place_of(self._bar(place), place.tick))
            known = lexicon.is_time & ((lexicon.place == here) | (not plan.strict))
            may = [t for t in plan.durations[begin] if self._kinds(plan, place, t)]
            left = plan.bar.length - begin
            found = known & np.isin(lexicon.ticks, may)
            self._times[key] = found if found.any() else lexicon.is_time & (lexicon.ticks <= left)
        return self._times[key]

    def _kinds(self, plan: Plan, place: Place, ticks: int) -> set[str]:
        """What may begin here and last so long."""
        begin = self._begin(place)
        kinds = {"rest"}
        if plan.playable[begin]:
            kinds |= {"inside", "outside", "ending" if begin >= plan.ending else "tone"}
            if place.quiet + ticks > plan.bar.length:
                kinds.remove("rest")
        if begin == 0 and place.status & SOUNDING:
            kinds.add("tied")
        if self._is_strong(plan.bar, begin):
            kinds.discard("outside")
        if place.status & OUTSIDE:
            near = self._lines.resolutions(place.pitch, self._chords[place.tick])
            kinds &= near | ({"ending"} if "tone" in near else set())
        status = place.status & ~(SOUNDING | BEGUN)
        return {kind for kind in kinds if stands(plan, begin, ticks, kind, status)}

    def _whats(self, place: Place) -> Array:
        """The notes and rests that may last as long as was told."""
        lexicon = self._lexicon
        kinds = self._kinds(self._plan(place), place, place.ticks)
        silent = lexicon.is_rest & ("rest" in kinds) | lexicon.is_tie & ("tied" in kinds)
        found, chord = silent | self._notes(place, kinds), self._chords[place.tick]
        if found.any():
            return found
        # What was learned is too little for the rules: a note inside that leads nowhere, a rest,
        # a note out of the register.
        inside, (near, _) = self._lines.inside(chord), self._lines.pitches(place.pitch, chord)
        found = inside & near | lexicon.is_rest
        return found if found.any() else inside

    def _notes(self, place: Place, kinds: set[str]) -> Array:
        """(n_y,) the notes of these kinds that lead on."""
        found, pitches = self._lines.pitches(place.pitch, self._chords[place.tick])
        if not place.status & BEGUN:  # the nearest to its chord's root
            found &= self._lexicon.leap == 0
        if place.status & OUTSIDE:
            found &= np.abs(pitches - place.pitch) == 1
        for id in np.flatnonzero(found).tolist():
            kind = self._kind(id, place)
            leads = kind != "outside" or self._leads_on(place, int(pitches[id]))
            found[id] = kind in kinds and leads
        return found

    def _leads_on(self, place: Place, pitch: int) -> bool:
        """Whether a note outside, which is expected, can be resolved when it ends."""
        tick = place.tick + place.ticks
        if tick >= self._chart.end:
            return False
        since = place.tick if place.since < 0 else place.since
        behind = Place(tick, TIME, 0, pitch, place.told, since, 0, OUTSIDE | SOUNDING | BEGUN)
        plan = self._plan(behind)
        return any(self._kinds(plan, behind, t) for t in plan.durations[self._begin(behind)])

    def _kind(self, id: int, place: Place) -> str:
        """What a note is to its chord: inside, outside, a tone, or one that may be the last."""
        chord, plan = self._chords[place.tick], self._plan(place)
        if not self._lines.inside(chord)[id]:
            return "outside"
        if not self._lines.tones(chord)[id]:
            return "inside"
        return "ending" if self._begin(place) >= plan.ending else "tone"

    def _plan(self, place: Place) -> Plan:
        bar = self._bar(place)
        owes = place.since >= 0 and bar.end - place.since > (PHRASE - 1) * bar.length
        return self._rhythm.plan(int(self._bar_of[place.tick]), owes)

    def _bar(self, place: Place) -> Bar:
        return self._chart.bars[int(self._bar_of[place.tick])]

    def _begin(self, place: Place) -> int:
        """How far into its bar it is."""
        return place.tick - self._bar(place).start

    def _change_at(self, tick: int) -> int:
        return max(bisect_right(self._starts, tick) - 1, 0)

    @staticmethod
    def _is_strong(bar: Bar, begin: int) -> bool:
        """Whether a place is beat one, or the middle of a bar of an even number of beats."""
        middle = 0 if bar.metre[0] % 2 else 2 * TICKS * bar.metre[0] // bar.metre[1]
        return place_of(bar, bar.start + begin) in (0, middle)
