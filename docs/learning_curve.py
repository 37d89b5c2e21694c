"""The default network and Kneser–Ney on more and more names: python docs/learning_curve.py

It prints a table and saves the picture. It trains eight networks: about two and a half minutes of
CPU time.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import rnnx
from rnnx.config.compose import compose
from rnnx.data.corpus import Corpus
from rnnx.data.ngram import ngram_losses
from rnnx.training.session import Session

PICTURE = Path(__file__).resolve().parent / "images" / "learning_curve.svg"
SIZES = (1187, 800, 500, 200)
SEEDS = (0, 1)


def part(corpus: Corpus, count: int) -> Corpus:
    """The corpus with ``count`` of its training names, each size within the next."""
    order = np.random.default_rng(0).permutation(len(corpus.train))[:count]
    return replace(corpus, train=corpus.train.select(np.sort(order)))


def network(corpus: Corpus, seed: int) -> float:
    """The best held-out loss of the default run, measured when a run measures it."""
    session = Session(compose([f"seed={seed}", "tracker=none", "threads=1"]), corpus)
    every, losses = session.settings.eval_every, []
    with session.computing():
        while session.steps < session.settings.steps:
            session.update()
            if session.steps % every == 0:
                losses.append(session.evaluate())
    return min(losses)


def main() -> None:
    whole = rnnx.build(["tracker=none"]).corpus
    symbols = len(whole.vocabulary)
    ours, theirs = [], []
    print("names   network, mean (each seed)   Kneser–Ney", flush=True)
    for count in SIZES:
        corpus = part(whole, count)
        theirs.append(min(ngram_losses(corpus.train, corpus.val, symbols)))
        losses = [network(corpus, seed) for seed in SEEDS]
        ours.append(float(np.mean(losses)))
        each = ", ".join(f"{loss:.3f}" for loss in losses)
        print(f"{count:5}   {ours[-1]:.3f} ({each})   {theirs[-1]:.3f}", flush=True)
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.add_subplot()
    axes.semilogx(SIZES, ours, marker="o", label=f"default network, mean of {len(SEEDS)} seeds")
    axes.semilogx(SIZES, theirs, marker="o", label="modified Kneser–Ney, the best of orders 1 to 8")
    axes.set_xticks(SIZES, [f"{size:,}" for size in SIZES], minor=False)
    axes.minorticks_off()
    axes.set(xlabel="training names", ylabel="held-out loss (nats a character)")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(PICTURE, metadata={"Date": None})


if __name__ == "__main__":
    main()
