"""Chances of a binomial count, and how many errors so few observations allow: the bound of Clopper & Pearson (1934,
Biometrika 26, 404). No NumPy.
"""

import functools
import math

HALVINGS = 60  # far below what a float resolves
SUREST = 1.0 - 1e-9  # of a rate: 1 has no logarithm of its rest


def binomial_upper_bound(errors: int, n: int, confidence: float = 0.95) -> float:
    """The error rate that would give so few errors in ``n`` only with probability 1 - ``confidence``."""
    if errors >= n:
        return 1.0
    low, high = errors / n, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if chance_of_at_most(errors, n, middle) > 1.0 - confidence else (low, middle)
    return high


@functools.cache
def observations_for(bound: float, errors: int = 0, confidence: float = 0.95) -> int:
    """How many observations with no more than so many errors bring the upper bound down to ``bound``."""
    n = errors + 1
    while binomial_upper_bound(errors, n, confidence) > bound:
        n += max(1, n // 50)
    while n > errors + 1 and binomial_upper_bound(errors, n - 1, confidence) <= bound:
        n -= 1
    return n


def chance_of_at_most(errors: int, n: int, rate: float) -> float:
    """Probability of so many errors or fewer among ``n``, each with probability ``rate``; 1 at rates of 0 and below."""
    if rate <= 0.0:
        return 1.0
    rate = min(rate, SUREST)
    chances = (
        math.exp(
            math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
            + k * math.log(rate) + (n - k) * math.log1p(-rate)
        )
        for k in range(errors + 1)
    )  # fmt: skip
    return min(sum(chances), 1.0)
