"""How often a 95 % interval of few values has the true mean inside: Student's t and the bootstrap.

python tests/benchmarks/intervals.py prints the table of docs/explanation/statistics.md. Some
seconds.
"""

import numpy as np
from scipy import stats

SAMPLES, RESAMPLES = 2_000, 999
TRUE_MEANS = {"normal": 0.0, "skewed": np.exp(0.5), "one in ten diverges": 0.4}


def drawn(kind: str, rng: np.random.Generator, n: int) -> np.ndarray:
    """SAMPLES samples of n values each."""
    values = rng.normal(size=(SAMPLES, n))
    if kind == "skewed":
        return np.exp(values)
    if kind == "one in ten diverges":
        return values + 4 * (rng.random((SAMPLES, n)) < 0.1)
    return values


def coverage(kind: str, n: int) -> tuple[float, float]:
    """The shares of samples whose interval has the mean inside: Student's, the bootstrap's."""
    rng = np.random.default_rng(n)
    values, mean = drawn(kind, rng, n), TRUE_MEANS[kind]
    half = stats.t.ppf(0.975, n - 1) * values.std(axis=1, ddof=1) / np.sqrt(n)
    student = np.abs(values.mean(axis=1) - mean) <= half
    found = stats.bootstrap(
        (values,), np.mean, axis=1, n_resamples=RESAMPLES, batch=50, rng=rng
    ).confidence_interval
    return float(student.mean()), float(((found.low <= mean) & (mean <= found.high)).mean())


if __name__ == "__main__":
    print("| values | " + " | ".join(f"{kind}: t | bootstrap" for kind in TRUE_MEANS) + " |")
    for n in (3, 5, 10, 20, 30, 50):
        cells = [f"{share:.0%}" for kind in TRUE_MEANS for share in coverage(kind, n)]
        print(f"| {n} | {' | '.join(cells)} |", flush=True)
