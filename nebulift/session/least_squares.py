"""Small weighted least squares, many times a frame."""

import cv2
import numpy as np
from numpy.typing import NDArray

Weight = NDArray[np.float64] | NDArray[np.bool_]


def normal_matrix(terms: NDArray[np.float64], weight: Weight, ridge: float) -> NDArray[np.float64]:
    """Of the weighted fit by ``terms`` (k, n), shape (k, k); its inverse is the covariance for errors of one.

    ``ridge`` is added to the diagonal: terms that depend on each other then share what they explain.
    """
    return _with_ridge((terms * weight) @ terms.T, ridge)


def fitted(
    terms: NDArray[np.float64], values: NDArray[np.float64], weight: Weight, ridge: float
) -> NDArray[np.float64]:
    """The coefficients (k,) of the weighted fit of ``values`` (n,) by ``terms`` (k, n)."""
    weighted = terms * weight
    # cv2's takes a third of the time of numpy's for a matrix as small as this
    _, found = cv2.solve(_with_ridge(weighted @ terms.T, ridge), (weighted @ values)[:, None])
    return np.asarray(found[:, 0], dtype=np.float64)


def _with_ridge(matrix: NDArray[np.float64], ridge: float) -> NDArray[np.float64]:
    matrix.flat[:: len(matrix) + 1] += ridge
    return matrix
