"""Sentences with a tag for each token: CoNLL's columns, or two parallel files.

    the   DET            the cat sat      DET NOUN VERB
    cat   NOUN
    sat   VERB           A blank line ends a sentence; in parallel files a line is one.

The vocabulary is the sorted tokens of the whole file, the classes are its sorted tags.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from rnnx.contracts.ranges import require, require_share
from rnnx.data.corpus import Corpus
from rnnx.data.named_file import NamedFile, named_file
from rnnx.data.sequences import Sequences
from rnnx.data.targets import classes
from rnnx.errors import DataError
from rnnx_builtin.datasets.holding_out import split_sequences
from rnnx_builtin.datasets.texts import BLANK, Unit, ids_of, vocabulary_of

Sentence = tuple[list[str], list[str]]  # tokens and tags, equally many


@dataclass(frozen=True)
class Tagged:
    """Sentences with a tag for each token."""

    path: str = ""
    """The file; ~ is your home folder. A line is a token and its tag, with blanks or a tab between
    them, and a blank line ends a sentence. Of more columns the first and the last count."""
    tags: str = ""
    """A second file with the tags, where a line of both files is a sentence. Empty: there is none,
    and the tags are in the first."""
    lower: bool = False
    """Turn the tokens to lower case; tags stay."""
    val_fraction: float = 0.1
    """The fraction of sentences that is held out, drawn at random. 0 ≤ fraction < 1; 0: none."""
    split_seed: int = 0
    """The seed that draws the held-out sentences, whatever the run's own seed. At least 0."""

    def __post_init__(self) -> None:
        require_share("val_fraction", self.val_fraction)
        require(self.split_seed >= 0, "split_seed", "at least 0", self.split_seed)

    def load(self, seed: int) -> Corpus:
        file = named_file(self.path, "dataset.path")
        tag_file = named_file(self.tags, "dataset.tags") if self.tags else None
        sentences = list(_parallel(file, tag_file) if tag_file else _columns(file))
        if not sentences:
            raise DataError(f"{file.name}: is empty; give {_EXPECTED}")
        texts = [[self._token(token) for token in tokens] for tokens, _ in sentences]
        names = sorted({tag for _, tags in sentences for tag in tags})
        if len(names) < 2:
            raise DataError(f"{file.name}: all tokens have the tag {names[0]!r}; give two or more")
        vocabulary = vocabulary_of(texts, Unit.word, file.name)
        ids, lengths = ids_of(texts, vocabulary)
        places = {name: place for place, name in enumerate(names)}
        y = np.array([places[tag] for _, tags in sentences for tag in tags])
        train, val = split_sequences(Sequences(lengths, y, ids), self.val_fraction, seed)
        return Corpus(
            vocabulary,
            train,
            val,
            file.sha256() if tag_file is None else _both_sha256(file, tag_file),
            source=file.source,
            targets=classes(names),
        )

    def texts(self, file: NamedFile) -> Iterator[str]:
        """The sentences of new data, tags or none: a line each, or a token a line as in CoNLL's."""
        rows = [line.split() for line in file.lines()]
        are_columns = not self.tags and _are_columns(rows)
        tokens: list[str] = []
        for row in [*rows, []]:
            if not are_columns:
                tokens = row
            elif row:
                tokens.append(row[0])
                continue
            if tokens:
                yield self._token(BLANK.join(tokens))
            tokens = []

    def _token(self, text: str) -> str:
        return text.lower() if self.lower else text


def _are_columns(rows: list[list[str]]) -> bool:
    """Whether lines are tokens and not sentences: all are equally long, with blank lines between.

    Lines of one token each are tokens, too.
    """
    while rows and not rows[-1]:
        rows = rows[:-1]
    widths = {len(row) for row in rows if row}
    return widths == {1} or (len(widths) == 1 and any(not row for row in rows))


def _columns(file: NamedFile) -> Iterator[Sentence]:
    """The sentences of a file with a token and its tag in each line."""
    tokens: list[str] = []
    tags: list[str] = []
    width = 0
    for number, line in enumerate(file.lines(), 1):
        cells = line.split()
        if not cells:
            if tokens:
                yield tokens, tags
            tokens, tags = [], []
            continue
        width = width or len(cells)
        if len(cells) != width or width < 2:
            wanted = f"{width} columns, as in the first line" if width > 1 else _EXPECTED
            raise DataError(
                f"{file.name}, line {number}: has {len(cells)} columns; expected {wanted}"
            )
        tokens.append(cells[0])
        tags.append(cells[-1])
    if tokens:
        yield tokens, tags


def _parallel(file: NamedFile, tag_file: NamedFile) -> Iterator[Sentence]:
    """The sentences of two files with as many tags in a line as tokens in the other's."""
    lines = zip_longest(file.lines(), tag_file.lines())
    for number, (text, tag_line) in enumerate(lines, 1):
        if text is None or tag_line is None:
            short, long = (file, tag_file) if text is None else (tag_file, file)
            raise DataError(
                f"{short.name}: ends before line {number}, which {long.name} has; give both files "
                "the same lines"
            )
        tokens, tags = text.split(), tag_line.split()
        if len(tokens) != len(tags):
            raise DataError(
                f"{tag_file.name}, line {number}: has {len(tags)} tags; expected {len(tokens)}, "
                f"one for each token of that line in {file.name}"
            )
        if tokens:
            yield tokens, tags


def _both_sha256(file: NamedFile, tag_file: NamedFile) -> str:
    return hashlib.sha256(f"{file.sha256()} {tag_file.sha256()}".encode()).hexdigest()


_EXPECTED = "a token and its tag in each line, with a blank line between sentences"
