"""Golden values of noise, intervals and quantiles for packages/ml, from scipy.stats.

    python test/golden/generate_statistics.py        writes test/golden/statistics.json; needs SciPy and NumPy
"""

import json
import pathlib

import numpy as np
import scipy
from scipy.stats import binomtest, chi2, dlaplace, t

OUT = pathlib.Path(__file__).parent / "statistics.json"
GRID = np.arange(-4, 55, 2)


def noisy_count(count):
    """Adds up the probability of every sum from far below to far above, as rounding and clamping move it."""
    probabilities = dict.fromkeys(GRID.tolist(), 0.0)
    for noise in range(-200, 201):
        total = count + noise
        for rounded in ([total] if total % 2 == 0 else [total - 1, total + 1]):
            share = dlaplace.pmf(noise, 1) / (1 + total % 2)
            probabilities[int(np.clip(rounded, -4, 54))] += share
    return [probabilities[value] for value in GRID.tolist()]


def interval(wins, pairs):
    found = binomtest(wins, pairs).proportion_ci(0.90, "exact")
    return {"pairs": pairs, "wins": wins, "low": found.low, "high": found.high}


def intervals():
    for pairs in (1, 2, 3, 4, 5, 6, 7, 8, 13, 19, 20, 21, 40):
        for wins in range(pairs + 1):
            yield interval(wins, pairs)
    # The last wins without a verdict and the first wins with a verdict, for more pairs than a double's 2^n can hold too.
    for pairs in (100, 257, 1000, 1500):
        first = next(wins for wins in range(pairs // 2, pairs) if interval(wins, pairs)["low"] > 0.5)
        for wins in (first - 1, first, pairs - first, pairs - first + 1):
            yield interval(wins, pairs)


def main():
    content = {
        "versions": {"numpy": np.__version__, "scipy": scipy.__version__},
        "noisyCounts": [{"count": count, "probabilities": noisy_count(count)} for count in (0, 1, 2, 25, 49, 50)],
        "intervals": list(intervals()),
        "studentQuantiles": [
            {"level": level, "freedom": freedom, "value": t.ppf((1 + level) / 2, freedom)}
            for level in (0.5, 0.95, 0.999)
            for freedom in (1, 2, 3, 4, 5, 10, 31, 100, 999, 9999)
        ],
        "chiSquareLimits": {"tail": 1e-6, "byFreedom": {freedom: chi2.isf(1e-6, freedom) for freedom in range(1, 60)}},
    }
    OUT.write_text(json.dumps(content, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
