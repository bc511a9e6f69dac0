"""Golden vectors for packages/ml's heads, DR, linear algebra and metrics, from NumPy, SciPy, scikit-learn and PyTorch.

    python test/golden/generate_heads.py        writes test/golden/heads/*.json

Inputs are rounded to float32, so that both sides see the same numbers; everything else is float64.
"""

import json
import pathlib

import numpy as np
import scipy
import scipy.linalg
import scipy.optimize
import sklearn
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss, precision_recall_fscore_support
from sklearn.preprocessing import StandardScaler

OUT = pathlib.Path(__file__).parent / "heads"
VERSIONS = {
    "numpy": np.__version__,
    "scipy": scipy.__version__,
    "scikit-learn": sklearn.__version__,
    "torch": torch.__version__,
}


def plain(value):
    if isinstance(value, np.ndarray):
        return value.astype(np.float64).tolist() if value.dtype.kind == "f" else value.tolist()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def write(name, content):
    OUT.mkdir(exist_ok=True)
    text = json.dumps({"versions": VERSIONS, **plain(content)}, separators=(",", ":"))
    (OUT / f"{name}.json").write_text(text + "\n")


def float32(array):
    return np.asarray(array, dtype=np.float32).astype(np.float64)


def examples(rng, rows, features, classes):
    """Labelled rows whose classes overlap, so that an optimum exists without regularisation too."""
    labels = rng.integers(0, classes, rows)
    centres = rng.normal(size=(classes, features)) * 0.5
    return float32(rng.normal(size=(rows, features)) + centres[labels]), labels


def linear_algebra():
    rng = np.random.default_rng(1)
    root = rng.normal(size=(6, 6))
    positive = root @ root.T + 0.1 * np.eye(6)
    rhs = rng.normal(size=(6, 5))
    symmetric = rng.normal(size=(7, 7))
    symmetric = symmetric + symmetric.T
    values, vectors = np.linalg.eigh(symmetric)
    basis = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    repeated = basis @ np.diag([4.0, 1.0, 1.0, 1.0, 0.0]) @ basis.T
    write(
        "linear-algebra",
        {
            "cholesky": {
                "matrix": positive,
                "lower": np.linalg.cholesky(positive),
                "rhs": rhs.T,
                "solution": scipy.linalg.solve(positive, rhs, assume_a="pos").T,
            },
            "eigen": {"matrix": symmetric, "values": values[::-1], "vectors": vectors[:, ::-1].T},
            "repeated": {"matrix": (repeated + repeated.T) / 2, "values": [4.0, 1.0, 1.0, 1.0, 0.0]},
        },
    )


def reduction():
    rng = np.random.default_rng(2)
    features = float32(rng.normal(size=(40, 4)) @ rng.normal(size=(4, 6)) + 0.1 * rng.normal(size=(40, 6)) + 3)
    pca = PCA(n_components=3, svd_solver="covariance_eigh").fit(features)
    constant = features.copy()
    constant[:, 2] = 0.1
    constant = float32(constant)
    scaler = StandardScaler().fit(constant)
    both = PCA(n_components=3, svd_solver="covariance_eigh").fit(scaler.transform(constant))
    write(
        "reduction",
        {
            "features": features,
            "pca": {
                "mean": pca.mean_,
                "components": pca.components_,
                "explainedVariance": pca.explained_variance_,
                "explainedVarianceRatio": pca.explained_variance_ratio_,
                "projected": pca.transform(features),
            },
            "constant": {
                "features": constant,
                "mean": scaler.mean_,
                "scale": scaler.scale_,
                "standardised": scaler.transform(constant),
                "projected": both.transform(scaler.transform(constant)),
                "explainedVarianceRatio": both.explained_variance_ratio_,
            },
        },
    )


def softmax(scores):
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def gradient_of(weights, bias, rows, labels):
    residual = softmax(rows @ weights.T + bias)
    residual[np.arange(len(labels)), labels] -= 1
    residual /= len(labels)
    return residual.T @ rows, residual.sum(axis=0)


def logistic():
    rng = np.random.default_rng(3)
    features, labels = examples(rng, 60, 5, 4)
    l2 = 0.1
    settings = {"C": 1 / (l2 * len(labels)), "tol": 1e-14, "max_iter": 100000}
    fitted = LogisticRegression(**settings).fit(features, labels)
    skewed = labels.copy()
    skewed[rng.random(60) < 0.5] = 0
    balanced = LogisticRegression(class_weight="balanced", **settings).fit(features, skewed)

    prior_weight, prior_bias = rng.normal(size=(4, 5)), rng.normal(size=4)

    def objective(joined):
        weights = joined.reshape(4, 6)
        weight, bias = weights[:, :5], weights[:, 5]
        scores = features @ weight.T + bias
        loss = np.mean(scipy.special.logsumexp(scores, axis=1) - scores[np.arange(60), labels])
        apart = weights - np.column_stack([prior_weight, prior_bias])
        weight_gradient, bias_gradient = gradient_of(weight, bias, features, labels)
        gradient = np.column_stack([weight_gradient, bias_gradient]) + l2 * apart
        return loss + l2 / 2 * np.sum(apart**2), gradient.ravel()

    result = scipy.optimize.minimize(objective, np.zeros(24), jac=True, method="BFGS", options={"gtol": 1e-12})
    assert np.abs(result.jac).max() < 1e-8, result
    weights = result.x.reshape(4, 6)
    write(
        "logistic",
        {
            "features": features,
            "labels": labels,
            "l2": l2,
            "weight": fitted.coef_,
            "bias": fitted.intercept_,
            "probabilities": fitted.predict_proba(features),
            "balanced": {"labels": skewed, "weight": balanced.coef_, "bias": balanced.intercept_},
            "prior": {"weight": prior_weight, "bias": prior_bias},
            "posterior": {"weight": weights[:, :5], "bias": weights[:, 5]},
        },
    )


def mini_batches():
    """Three epochs of batches of 8 over 20 rows in their given order: the last batch of each epoch has 4."""
    rng = np.random.default_rng(4)
    features, labels = examples(rng, 20, 5, 7)
    l2, epochs, size = 0.03, 3, 8
    batches = [slice(start, min(start + size, 20)) for start in range(0, 20, size)] * epochs

    def sgd(rate):
        weight, bias = np.zeros((7, 5)), np.zeros(7)
        for batch in batches:
            weight_gradient, bias_gradient = gradient_of(weight, bias, features[batch], labels[batch])
            weight -= rate * (weight_gradient + l2 * weight)
            bias -= rate * bias_gradient
        return weight, bias

    def adam(rate, decay1=0.9, decay2=0.999, epsilon=1e-8):
        parameters = [np.zeros((7, 5)), np.zeros(7)]
        first, second = [0, 0], [0, 0]
        for t, batch in enumerate(batches, start=1):
            gradients = list(gradient_of(*parameters, features[batch], labels[batch]))
            gradients[0] = gradients[0] + l2 * parameters[0]
            for k in range(2):
                first[k] = decay1 * first[k] + (1 - decay1) * gradients[k]
                second[k] = decay2 * second[k] + (1 - decay2) * gradients[k] ** 2
                mean, variance = first[k] / (1 - decay1**t), second[k] / (1 - decay2**t)
                parameters[k] = parameters[k] - rate * mean / (np.sqrt(variance) + epsilon)
        return parameters

    def with_torch(optimizer_class, rate):
        layer = torch.nn.Linear(5, 7, dtype=torch.float64)
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
        groups = [{"params": [layer.weight], "weight_decay": l2}, {"params": [layer.bias], "weight_decay": 0}]
        optimizer = optimizer_class(groups, lr=rate)
        x, y = torch.tensor(features), torch.tensor(labels)
        for batch in batches:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(layer(x[batch]), y[batch]).backward()
            optimizer.step()
        return layer.weight.detach().numpy(), layer.bias.detach().numpy()

    results = {"sgd": sgd(0.5), "adam": adam(0.05)}
    for name, reference in {"sgd": with_torch(torch.optim.SGD, 0.5), "adam": with_torch(torch.optim.Adam, 0.05)}.items():
        for own, theirs in zip(results[name], reference):
            np.testing.assert_allclose(own, theirs, rtol=1e-9, atol=1e-12)
    write(
        "mini-batch",
        {
            "features": features,
            "labels": labels,
            "l2": l2,
            "epochs": epochs,
            "batchSize": size,
            "sgd": {"learningRate": 0.5, "weight": results["sgd"][0], "bias": results["sgd"][1]},
            "adam": {"learningRate": 0.05, "weight": results["adam"][0], "bias": results["adam"][1]},
        },
    )


def extreme_learning():
    rng = np.random.default_rng(5)
    features, labels = examples(rng, 50, 4, 3)
    hidden_weight, hidden_bias = float32(rng.normal(size=(9, 4))), float32(rng.uniform(-1, 1, 9))
    l2 = 0.5
    sums = features @ hidden_weight.T + hidden_bias
    targets = np.eye(3)[labels]
    prior = rng.normal(size=(3, 9)) * 0.1
    cases = {}
    for name, raw in {"sigmoid": scipy.special.expit(sums), "tanh": np.tanh(sums)}.items():
        hidden = np.floor(raw * 65536 + 0.5) / 65536  # the grid on which sums are exact
        ridge = Ridge(alpha=l2, fit_intercept=False, solver="cholesky").fit(hidden, targets)
        normal = hidden.T @ hidden + l2 * np.eye(9)
        towards_prior = np.linalg.solve(normal, hidden.T @ targets + l2 * prior.T).T
        cases[name] = {
            "hidden": hidden,
            "outputWeights": ridge.coef_,
            "towardsPrior": towards_prior,
        }
    write(
        "elm",
        {
            "features": features,
            "labels": labels,
            "l2": l2,
            "hiddenWeight": hidden_weight,
            "hiddenBias": hidden_bias,
            "prior": prior,
            "cases": cases,
        },
    )


def metrics():
    rng = np.random.default_rng(6)
    random_truth = rng.integers(0, 7, 200)
    random_predicted = np.where(rng.random(200) < 0.5, random_truth, rng.integers(0, 7, 200))
    cases = {
        "seven classes at random": (random_truth, random_predicted, 7),
        "a class absent from both": ([0, 1, 3, 3, 1, 0], [0, 1, 3, 1, 1, 3], 4),
        "a class that is never predicted": ([0, 1, 2, 2, 1, 0], [0, 1, 0, 1, 1, 0], 3),
        "a class that is predicted but never true": ([0, 1, 0, 1], [0, 2, 2, 1], 3),
        "one class only, all right": ([2, 2, 2], [2, 2, 2], 7),
        "everything wrong": ([0, 1, 2], [1, 2, 0], 3),
        "one row": ([4], [0], 7),
        "always neutral": ([0, 0, 0, 1, 3, 0, 6, 2], [0] * 8, 7),
    }
    written = []
    for name, (truth, predicted, classes) in cases.items():
        precision, recall, f1, support = precision_recall_fscore_support(
            truth, predicted, labels=range(classes), zero_division=0
        )
        written.append(
            {
                "name": name,
                "truth": np.asarray(truth),
                "predicted": np.asarray(predicted),
                "classes": classes,
                "confusion": confusion_matrix(truth, predicted, labels=range(classes)).ravel(),
                "accuracy": accuracy_score(truth, predicted),
                "weightedF1": f1_score(truth, predicted, average="weighted", zero_division=0),
                "macroF1": f1_score(truth, predicted, average="macro", zero_division=0),
                "precision": precision,
                "recall": recall,
                "f1": f1,
                "support": support,
            }
        )
    probabilities = float32(rng.dirichlet(np.ones(4), 12))
    probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
    labels = rng.integers(0, 4, 12)
    loss = log_loss(labels, probabilities, labels=range(4))
    write("metrics", {"cases": written, "logLoss": {"probabilities": probabilities, "labels": labels, "value": loss}})


if __name__ == "__main__":
    linear_algebra()
    reduction()
    logistic()
    mini_batches()
    extreme_learning()
    metrics()
