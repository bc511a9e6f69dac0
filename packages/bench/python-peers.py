"""scikit-learn and NumPy beside our heads: reads one request a line, times it here, answers with milliseconds.

The first line out names the peers that can be had. Importing scikit-learn may fail where NumPy is there.
"""
import json
import sys
import time

import numpy as np

try:
    from sklearn.linear_model import LogisticRegression, SGDClassifier
except ImportError:
    SGDClassifier = None

CLASSES, EPOCHS, BATCH, RATE = 7, 100, 64, 0.01


def data(features, samples):
    generator = np.random.default_rng(1)
    x = generator.standard_normal((samples, features)).astype(np.float32)
    return x, generator.integers(0, CLASSES, samples)


def numpy_linear(features, samples):
    x, y = data(features, samples)
    generator = np.random.default_rng(2)

    def run():
        weights = np.zeros((features, CLASSES), np.float32)
        bias = np.zeros(CLASSES, np.float32)
        for _ in range(EPOCHS):
            order = generator.permutation(samples)
            for start in range(0, samples, BATCH):
                chosen = order[start : start + BATCH]
                rows = x[chosen]
                scores = rows @ weights + bias
                scores -= scores.max(axis=1, keepdims=True)
                residuals = np.exp(scores)
                residuals /= residuals.sum(axis=1, keepdims=True)
                residuals[np.arange(len(chosen)), y[chosen]] -= 1
                residuals *= RATE / len(chosen)
                weights -= rows.T @ residuals
                bias -= residuals.sum(axis=0)

    return run


def sklearn_linear(features, samples):
    """One row a step and one classifier a class: what the paper's Python code calls, and all that its SGD offers."""
    x, y = data(features, samples)
    settings = {"alpha": 0.0, "learning_rate": "constant", "eta0": RATE, "max_iter": EPOCHS, "tol": None}
    return lambda: SGDClassifier(loss="log_loss", **settings).fit(x, y)


def sklearn_online(features, samples):
    """One row more, after so many rows."""
    x, y = data(features, samples)
    head = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=RATE)
    head.partial_fit(x, y, classes=np.arange(CLASSES))
    at = 0

    def run():
        nonlocal at
        at = (at + 1) % samples
        head.partial_fit(x[at : at + 1], y[at : at + 1])

    return run


def sklearn_refit(features, samples):
    """The optimum of all rows, with the pull of the mixture's expert on top of the prior."""
    x, y = data(features, samples)
    head = LogisticRegression(C=1 / (0.57 * features), tol=1e-6, max_iter=1000)
    return lambda: head.fit(x, y)


def hidden_outputs(x, hidden):
    generator = np.random.default_rng(3)
    weights = generator.standard_normal((x.shape[1], hidden)) / np.sqrt(x.shape[1])
    return 1 / (1 + np.exp(-(x @ weights + generator.uniform(-1, 1, hidden))))


def numpy_elm(features, samples, hidden):
    x, y = data(features, samples)
    targets = np.eye(CLASSES)[y]

    def run():
        h = hidden_outputs(x.astype(np.float64), hidden)
        np.linalg.solve(h.T @ h + np.eye(hidden), h.T @ targets)

    return run


def numpy_oselm(features, hidden):
    """Liang et al. 2006, the recursive inverse, one row: features to hidden outputs to weights."""
    generator = np.random.default_rng(3)
    x, y = data(features, 512)
    weights = generator.standard_normal((features, hidden)) / np.sqrt(features)
    bias = generator.uniform(-1, 1, hidden)
    inverse = np.eye(hidden)
    output = np.zeros((hidden, CLASSES))
    targets = np.eye(CLASSES)[y]
    at = 0

    def run():
        nonlocal inverse, output, at
        h = 1 / (1 + np.exp(-(x[at] @ weights + bias)))
        gain = inverse @ h
        inverse -= np.outer(gain, gain) / (1 + h @ gain)
        output += np.outer(inverse @ h, targets[at] - h @ output)
        at = (at + 1) % len(x)

    return run


TASKS = {
    ("numpy", "linear"): numpy_linear,
    ("scikit-learn", "linear"): sklearn_linear,
    ("scikit-learn", "online"): sklearn_online,
    ("scikit-learn", "refit"): sklearn_refit,
    ("numpy", "elm"): numpy_elm,
    ("numpy", "oselm"): numpy_oselm,
}

peers = ["numpy"] if SGDClassifier is None else ["numpy", "scikit-learn"]
print(json.dumps({"peers": peers, "numpy": np.__version__}), flush=True)
prepared = {}
for line in sys.stdin:
    request = json.loads(line)
    key = json.dumps(request)
    if key not in prepared:
        prepared = {name: run for name, run in prepared.items() if json.loads(name)["sizes"] == request["sizes"]}
        prepared[key] = TASKS[request["peer"], request["task"]](*request["sizes"])
    run, times = prepared[key], request["times"]
    clock = time.process_time if request["task"] in ("online", "refit") else time.perf_counter
    started = clock()
    for _ in range(times):
        run()
    print(json.dumps((clock() - started) * 1000 / times), flush=True)
