"""Data sets and probes that are wrong in one way each, by the check that fails."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from changes import counting, elsewhere
from mutants import mutant

from rnnx.contracts.probes import Findings
from rnnx.data.corpus import Corpus
from rnnx_builtin.datasets.dinosaurs import Dinosaurs
from rnnx_builtin.probes.gradient_norms import GradientNorms

# Data sets


@dataclass(frozen=True)
class InOrderOfASet(Dinosaurs):
    """Its symbols are in the order of a set, and so are its ids."""

    def load(self, seed: int) -> Corpus:
        corpus = super().load(seed)
        symbols = list(frozenset(corpus.vocabulary.symbols))
        place = np.array([symbols.index(s) for s in corpus.vocabulary.symbols])
        return replace(corpus, train=replace(corpus.train, ids=place[corpus.train.ids]))


def with_corpus(change):
    return mutant(Dinosaurs(), load=lambda right, seed: change(right(seed)))


def copied(corpus: Corpus) -> Corpus:
    ids = corpus.train.ids.copy()
    few = np.arange(50)
    return replace(corpus, val=replace(corpus.train, ids=ids).select(few))


LOADS = counting(0, 1, every=3)

DATASETS = {
    "check_sha256": [
        with_corpus(lambda c: replace(c, sha256="0" * 64)),
        with_corpus(lambda c: replace(c, sha256="3fa85b64c9e2d7" * 4 + "01234567")),
        with_corpus(lambda c: replace(c, sha256="dinosaurs")),
    ],
    "check_other_process": [InOrderOfASet()],
    "check_process": [mutant(Dinosaurs(), load=elsewhere)],
    "check_history": [mutant(Dinosaurs(), load=lambda right, seed: right(seed + LOADS()))],
    "check_held_out": [
        with_corpus(copied),
    ],
    "check_determinism": [
        mutant(Dinosaurs(), load=lambda right, seed: replace(right(seed), sha256=f"{seed:064x}"))
    ],
    "check_vocabulary": [
        with_corpus(lambda c: replace(c, train=replace(c.train, ids=c.train.ids.astype(float)))),
        with_corpus(lambda c: replace(c, train=replace(c.train, ids=c.train.ids - np.int64(1)))),
    ],
    "check_examples": [
        with_corpus(lambda c: replace(c, train=replace(c.train, starts=c.train.starts + 10**6)))
    ],
    "check_show": [with_corpus(lambda c: replace(c, show=len))],
}

# Probes


@dataclass(frozen=True)
class Concluding:
    """A probe that only concludes."""

    every: int = 1
    metrics: Any = field(default_factory=dict, hash=False)

    def observe(self, seen):
        return Findings()

    def conclude(self, outcome):
        return Findings({"a": 1.0})


def assumes_lengths(right, seen):
    return Findings({"longest": float(seen.lengths.max())})


def assumes_two_steps(right, seen):
    return Findings({"step": float(seen.h[1].mean())})


def writes_and_puts_back(right, seen):
    seen.h[0] += 1
    seen.h[0] -= 1
    return right(seen)


SEEN: list[float] = []


def averages_over_steps(right, seen):
    SEEN.append(float(np.abs(seen.h).mean()))
    return Findings({"mean": float(np.mean(SEEN))})


PROBES = {
    "check_any_batch": [
        mutant(GradientNorms(), observe=assumes_lengths),
        mutant(GradientNorms(), observe=assumes_two_steps),
    ],
    "check_process": [mutant(GradientNorms(), observe=elsewhere)],
    "check_changes_nothing": [mutant(GradientNorms(), observe=writes_and_puts_back)],
    "check_history": [mutant(GradientNorms(), observe=averages_over_steps)],
}
