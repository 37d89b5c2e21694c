"""What was tried against few names: python docs/few_names.py [NUMBER …]

It prints the rows of the table in docs/explanation/few-names.md, all or those of the numbers given:
held-out losses of one run minus that of Kneser–Ney on the same split, in nats a character, the mean
of two splits. All rows take about nine minutes of CPU time with the extra `fast`.
"""

import sys
from collections.abc import Sequence

import numpy as np

import rnnx
from rnnx.config.compose import compose
from rnnx.data.ngram import ngram_losses
from rnnx.models.evaluation import mean_nats
from rnnx.training.session import Session

SPLITS = (1, 2)  # the default one, 0, is left for the final measurement
EVERY = 200  # steps from one evaluation to the next
ROWS = (
    "",
    "steps=1600 dropout=0.5 input_dropout=0 crossover=0",
    "crossover=0",
    "input_dropout=0",
    "crossover=0.15",
    "dropout=0.4",
    "crossover=0.15 optimizer=adamw optimizer.weight_decay=0.1",
    "crossover=0.15 batch_size=64 steps=2000",
    "crossover=0.15 schedule=cosine schedule.steps=3000 optimizer.learning_rate=0.005",
    "cell.hidden_size=192 dropout=0.5",
    "cell.hidden_size=192 dropout=0.5 crossover=0.3",
    "cell.hidden_size=192 dropout=0.6 crossover=0.3",
    "cell.hidden_size=256 dropout=0.6 crossover=0.3 steps=2400",
)


def losses(overrides: Sequence[str], split: int) -> np.ndarray:
    """(evaluations, 2) of one run: of the weights, and of their average; less Kneser–Ney's."""
    session = Session(compose([*overrides, f"dataset.split_seed={split}", "tracker=none"]))
    corpus, scratch, found = session.corpus, rnnx.Scratch(), []
    theirs = min(ngram_losses(corpus.train, corpus.val, len(corpus.vocabulary)))
    with session.computing():
        while session.steps < session.settings.steps:
            session.update()
            if session.steps % EVERY == 0:
                plain = mean_nats(session.network, session.params, corpus.val, scratch)
                found.append([plain - theirs, session.evaluate() - theirs])
    return np.array(found)


def main() -> None:
    chosen = [int(number) for number in sys.argv[1:]] or range(1, len(ROWS) + 1)
    print("| | added to `rnnx train` | best | last | best of the average | last of the average |")
    print("| --- | --- | --- | --- | --- | --- |")
    for number in chosen:
        overrides = ROWS[number - 1].split()
        runs = [losses([*overrides, "threads=1"], split) for split in SPLITS]
        best, last = (np.mean([how(run) for run in runs], axis=0) for how in (_best, _last))
        cells = [f"{one:+.3f}" for pair in zip(best, last, strict=True) for one in pair]
        change = f"`{ROWS[number - 1]}`" if overrides else "**nothing: the recipe**"
        print(f"| {number} | {change} | {' | '.join(cells)} |", flush=True)


def _best(losses: np.ndarray) -> np.ndarray:
    return losses.min(axis=0)


def _last(losses: np.ndarray) -> np.ndarray:
    return losses[-1]


if __name__ == "__main__":
    main()
