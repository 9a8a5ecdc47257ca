"""Logistic regression for a handful of columns, with a ridge towards chosen coefficients. NumPy alone."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEPS = 100
HALVINGS = 40
CLOSE = 1e-9


def fit_logistic(
    columns: Floats, target: Floats, *, towards: Floats, ridge: Floats | float = 1.0, weight: Floats | None = None
) -> Floats:
    """Coefficients (k,) that make sigmoid(columns @ coefficients) fit ``target`` (n,), 0..1.

    ``columns`` is (n, k); add a column of ones for an offset. ``ridge`` is the strength with which each coefficient is
    held at ``towards``, in units of one frame's information; with no frames they stay there. Newton's method with
    steps halved until the loss falls: it is convex, so that ends at its only minimum.
    """
    weight = np.ones(len(target)) if weight is None else weight
    held = np.broadcast_to(np.asarray(ridge, dtype=np.float64), towards.shape)
    found = towards.astype(np.float64).copy()
    loss = _loss(columns, target, weight, found, held, towards)
    for _ in range(STEPS):
        p = sigmoid(columns @ found)
        slope = columns.T @ (weight * (p - target)) + held * (found - towards)
        curvature = (columns * (weight * np.maximum(p * (1.0 - p), 1e-6))[:, None]).T @ columns + np.diag(held + 1e-12)
        step = np.linalg.solve(curvature, slope)
        for _ in range(HALVINGS):
            nearer = _loss(columns, target, weight, found - step, held, towards)
            if nearer <= loss:
                break
            step /= 2.0
        else:
            break  # no step however small helps: the minimum is reached to the last digit
        found, loss = found - step, nearer
        if float(np.abs(step).max()) < CLOSE:
            break
    return found


def _loss(columns: Floats, target: Floats, weight: Floats, found: Floats, held: Floats, towards: Floats) -> float:
    z = columns @ found
    entropy = np.logaddexp(0.0, z) - target * z
    return float((weight * entropy).sum() + 0.5 * (held * (found - towards) ** 2).sum())


def sigmoid(z: Floats) -> Floats:
    """1 / (1 + exp(-z)) without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * z)), dtype=np.float64)


def logits(p: Floats) -> Floats:
    """Log-odds, held within +-6.9 as ``verdict.logit`` does."""
    p = np.clip(p, 0.001, 0.999)
    return np.asarray(np.log(p / (1.0 - p)), dtype=np.float64)
