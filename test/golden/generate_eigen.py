"""Golden eigenvalues of matrices that are hard to diagonalise, from numpy.linalg.eigh.

    python test/golden/generate_eigen.py        writes test/golden/heads/symmetric-eigen.json; needs NumPy alone
"""

import json
import pathlib

import numpy as np

OUT = pathlib.Path(__file__).parent / "heads" / "symmetric-eigen.json"
SIZE = 12


def covariance(rows):
    centred = rows - rows.mean(axis=0)
    return centred.T @ centred / max(1, len(rows) - 1)


def matrices():
    rng = np.random.default_rng(1)
    few = covariance(rng.normal(size=(5, SIZE)))
    pair = rng.normal(size=(50, 2))
    rising = np.logspace(-20, 0, SIZE)
    yield "a covariance of fewer rows than features", few
    yield "two columns, each repeated", covariance(np.tile(pair, (1, SIZE // 2)))
    yield "one row over and over", covariance(np.tile(rng.normal(size=SIZE), (4, 1)))
    yield "rank one", np.outer(rising, rising)
    yield "few rows, features of rising scale", few * np.outer(rising, rising)
    yield "few rows, features of falling scale", few * np.outer(rising[::-1], rising[::-1])
    yield "few rows, all tiny", few * 2.0**-1000
    yield "few rows, all huge", few * 2.0**1000


def main():
    cases = []
    for name, matrix in matrices():
        matrix = (matrix + matrix.T) / 2
        values = np.linalg.eigh(matrix).eigenvalues[::-1]
        cases.append({"name": name, "matrix": matrix.tolist(), "values": values.tolist()})
    content = {"versions": {"numpy": np.__version__}, "cases": cases}
    OUT.write_text(json.dumps(content, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
