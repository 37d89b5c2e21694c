"""Makes a file of Bach's chorales for ``rnnx reproduce chorales`` from the corpus of music21.

    pip install music21
    python tests/benchmarks/chorales.py chorales.json
    rnnx reproduce chorales dataset.path=chorales.json

The published figures are of another collection of Bach's chorales (Boulanger-Lewandowski, Bengio
and Vincent 2012), with a split of its own, which cannot be made from here. This one has each
chorale of four voices in its own key, one step a quarter note: the pitches that sound on it. Three
fifths, a fifth and a fifth of the pieces are for training, validation and test, drawn by seed 0.
"""

import json
import random
import sys
from pathlib import Path

from music21 import corpus

VOICES = 4
SHORTEST = 16  # steps; what is shorter is a fragment


def steps_of(path: Path) -> list[list[int]]:
    """The MIDI pitches that sound on each quarter note of a score; none if it is no chorale."""
    parts = list(corpus.parse(path).parts)
    if len(parts) != VOICES:
        return []
    sounding: dict[int, set[int]] = {}
    for part in parts:
        for note in part.flatten().notes:
            first = -int(-note.offset // 1)  # the first quarter note that it sounds on
            for step in range(first, -int(-(note.offset + note.quarterLength) // 1)):
                sounding.setdefault(step, set()).update(pitch.midi for pitch in note.pitches)
    return [sorted(sounding.get(step, ())) for step in range(max(sounding) + 1)]


def main(target: Path) -> None:
    """Write the three parts as JSON."""
    paths = sorted(path for path in corpus.getComposer("bach") if path.name.startswith("bwv"))
    pieces = [steps for path in paths if len(steps := steps_of(path)) >= SHORTEST]
    random.Random(0).shuffle(pieces)
    held_out = len(pieces) // 5
    parts = {
        "train": pieces[2 * held_out :],
        "valid": pieces[:held_out],
        "test": pieces[held_out : 2 * held_out],
    }
    target.write_text(json.dumps(parts))
    for name, some in parts.items():
        print(f"{name}: {len(some)} pieces, {sum(map(len, some)):,} steps")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
