"""Classify Fisher's irises by softmax regression, and let meticulous record every run.

Two lines make it a recorded program: one adds the recorder's options to the parser, one begins
the run. `experiment.log`, `.summary` and `.open` then keep what is worth keeping.

The data: R. A. Fisher, The use of multiple measurements in taxonomic problems, Annals of Eugenics
7 (1936), pages 179 to 188. Lengths and widths in centimetres, 50 flowers of each species.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import numpy as np

from meticulous import Experiment

DATA = Path(__file__).with_name("iris.csv")


def read_flowers(path: Path) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Read the measurements, the class of each flower as a number, and the classes' names."""
    with path.open(newline="") as file:
        _header, *rows = csv.reader(file)
    names = sorted({row[-1] for row in rows})
    features = np.array([[float(value) for value in row[:-1]] for row in rows])
    classes = np.array([names.index(row[-1]) for row in rows])
    return features, classes, names


def split(count: int, test_fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Shuffle `count` indices by `seed` and part them into those to train and those to test on."""
    order = np.random.default_rng(seed).permutation(count)
    tests = round(count * test_fraction)
    return order[tests:], order[:tests]


def probabilities(features: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return the probability of every class (columns) for every flower (rows)."""
    scores = features @ weights + bias
    scores -= scores.max(axis=1, keepdims=True)  # the same result, and exp cannot overflow
    exponentials = np.exp(scores)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def cross_entropy(predicted: np.ndarray, classes: np.ndarray) -> float:
    """Return the mean of -log(probability given to the right class)."""
    right = predicted[np.arange(len(classes)), classes]
    return float(-np.log(np.maximum(right, 1e-300)).mean())


parser = argparse.ArgumentParser(description="Softmax regression on Fisher's iris data.")
parser.add_argument("--lr", type=float, default=0.1, help="learning rate (default: %(default)s)")
parser.add_argument("--l2", type=float, default=0.001, help="weight decay (default: %(default)s)")
parser.add_argument("--epochs", type=int, default=200, help="passes over the data")
parser.add_argument("--test-fraction", type=float, default=0.3, help="part kept for testing")
parser.add_argument("--seed", type=int, default=0, help="decides who is trained and tested on")
Experiment.add_argument_group(parser)  # adds --description, --norecord and so on
experiment = Experiment.from_parser(parser)  # from here on the run is recorded
args = experiment.args

features, classes, names = read_flowers(DATA)
train, test = split(len(classes), args.test_fraction, args.seed)

# The scale comes from the training flowers only: the test must not leak into the training.
mean, deviation = features[train].mean(axis=0), features[train].std(axis=0)
features = (features - mean) / deviation

weights = np.zeros((features.shape[1], len(names)))
bias = np.zeros(len(names))
wanted = np.eye(len(names))[classes[train]]

for epoch in range(1, args.epochs + 1):
    predicted = probabilities(features[train], weights, bias)
    loss = cross_entropy(predicted, classes[train]) + args.l2 / 2 * float((weights**2).sum())
    experiment.log(step=epoch, loss=loss)
    if epoch == 1 or epoch % 50 == 0:
        print(f"epoch {epoch:4d}  loss {loss:.4f}")
    if loss > 1000:
        experiment.summary({"loss": loss})
        sys.exit(f"diverged in epoch {epoch}: try a smaller --lr or --l2")

    error = (predicted - wanted) / len(train)
    weights -= args.lr * (features[train].T @ error + args.l2 * weights)
    bias -= args.lr * error.sum(axis=0)

predicted = probabilities(features[test], weights, bias)
accuracy = float((predicted.argmax(axis=1) == classes[test]).mean())
test_loss = cross_entropy(predicted, classes[test])
print(f"accuracy {accuracy:.3f} on {len(test)} flowers not trained on")

experiment.summary({"accuracy": accuracy, "loss": loss, "test_loss": test_loss})
with experiment.open("weights.npz", "wb") as file:  # lands in the experiment's folder
    np.savez(file, weights=weights, bias=bias, mean=mean, deviation=deviation)
