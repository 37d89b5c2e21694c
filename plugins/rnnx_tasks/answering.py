"""A string and then its answer, a symbol a step, which alone counts.

x    s₁ s₂ s₃  ? ? ?
y              a₁ a₂ a₃
"""

from __future__ import annotations

import numpy as np

from rnnx.arrays import Array
from rnnx.data.sequences import Sequences
from rnnx_tasks.lengths import flat


def answered(
    strings: Array,
    sizes: Array,
    answers: Array,
    n_answers: Array,
    ask: int,
    origins: Array | None = None,
) -> Sequences:
    """Sequences of strings (count, longest) of ``sizes`` symbols, and ``n_answers`` symbols each.

    ``ask`` is the id of the input while the answer is read. ``origins`` (count, longest answer) has
    the step from which each symbol of the answer comes.
    """
    steps = sizes + n_answers
    t = np.arange(int(steps.max()))
    asked = (t >= sizes[:, None]) & (t < steps[:, None])
    x = np.full(asked.shape, ask)
    x[:, : strings.shape[1]] = strings
    x[asked] = ask
    given = np.arange(answers.shape[1]) < n_answers[:, None]
    y, ages = np.zeros_like(x), None
    y[asked] = answers[given]  # both row by row
    if origins is not None:
        ages = np.zeros_like(x)
        ages[asked] = (np.nonzero(asked)[1] - origins[given]).ravel()
        ages = flat(ages, steps)
    weights = flat(asked, steps).astype(np.float32)
    return Sequences(steps, flat(y, steps), flat(x, steps), weights=weights, sizes=sizes, ages=ages)
