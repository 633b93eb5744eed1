"""How far two readings of the same conversations agree, by weighted tables of what one says beside what the other says."""

import numpy as np


def crossed(one: np.ndarray, two: np.ndarray, weight: np.ndarray, *, n_kinds: int) -> np.ndarray:
    """(..., kinds, kinds) sum of weights of each pair of answers; one, two: (n,) numbers of kinds; weight: (..., n), leading axes are replicates."""
    cell = one * n_kinds + two
    sums = [weight[..., cell == number].sum(-1) for number in range(n_kinds**2)]
    return np.stack(sums, axis=-1).reshape(*weight.shape[:-1], n_kinds, n_kinds)


def coefficients(table: np.ndarray, *, n: int, ordinal: bool = False) -> dict[str, np.ndarray]:
    """Agreement of two readings.

    - agreement: share of conversations that both call the same.
    - kappa: Cohen (1960).
    - alpha: Krippendorff (2011, "Computing Krippendorff's Alpha-Reliability"), nominal, or by the ordinal metric.
    - ac1: Gwet (2008), which does not collapse as kappa does where nearly all is of one kind.
    - negative_agreement, of two kinds alone: 2 d / (2 d + b + c) (Cicchetti & Feinstein 1990). Positive agreement is F1.

    Args:
        table: (..., kinds, kinds), see `crossed`.
        n: conversations, for alpha's correction of small numbers.

    Returns:
        Arrays of the leading shape; nan where undefined: kappa and alpha are where only one kind was ever said.
    """
    kinds = table.shape[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        table = table / table.sum((-2, -1), keepdims=True)
        rows, columns, same = table.sum(-1), table.sum(-2), np.einsum("...ii", table)
        pooled = (rows + columns) / 2
        chance = (rows * columns).sum(-1)
        gwet = (pooled * (1 - pooled)).sum(-1) / (kinds - 1)
        distance = _ordinal(pooled) if ordinal else 1 - np.eye(kinds)
        seen = (table * distance).sum((-2, -1))
        expected = (pooled[..., :, None] * pooled[..., None, :] * distance).sum((-2, -1)) * 2 * n / (2 * n - 1)
        found = {
            "agreement": same,
            "kappa": (same - chance) / (1 - chance),
            "alpha": 1 - seen / expected,
            "ac1": (same - gwet) / (1 - gwet),
        }
        if kinds == 2:
            neither = table[..., 0, 0]
            found["negative_agreement"] = 2 * neither / (2 - rows[..., 1] - columns[..., 1])
    return found


def _ordinal(pooled: np.ndarray) -> np.ndarray:
    """(..., kinds, kinds) Krippendorff's ordinal metric: the squared number of values between two kinds, half of each counted."""
    middle = np.cumsum(pooled, axis=-1) - pooled / 2
    return (middle[..., :, None] - middle[..., None, :]) ** 2
