"""Drift of biases with age: how the logarithm of a bias current wanders while time passes.

    ornstein-uhlenbeck   x(t + d) = x(t) exp(-d / tau) + std sqrt(1 - exp(-2 d / tau)) z
    random-walk          x(t + d) = x(t) + std sqrt(d / tau) z

(Uhlenbeck and Ornstein 1930, eq. 19, discretised exactly: one long wait has the statistics of many short ones.)  x is
ln(current) against the moment the die was made, one process for each bias of each core, z a normal of the die.
Left out: wear that never comes back (electromigration, oxide traps), and drift inside a run of seconds.
"""

from dataclasses import dataclass

import numpy as np

DRIFT_KINDS = ("ornstein-uhlenbeck", "random-walk")


@dataclass(frozen=True)
class Drift:
    """Drift of ln(bias current).

    Parameters
    ----------
    kind : {"ornstein-uhlenbeck", "random-walk"}
    bias_std : float
        Standard deviation after a long time (Ornstein-Uhlenbeck), or after ``bias_tau`` (random walk).
    bias_tau : float
        [s]
    """

    kind: str
    bias_std: float
    bias_tau: float

    def kept(self, duration: float) -> float:
        """Part of an offset that is left after some time [s]."""
        return 1.0 if self.kind == "random-walk" else float(np.exp(-duration / self.bias_tau))

    def std_after(self, duration: float) -> float:
        """Standard deviation of what is added in some time [s]."""
        if self.kind == "random-walk":
            return float(self.bias_std * np.sqrt(duration / self.bias_tau))
        return float(self.bias_std * np.sqrt(1 - self.kept(duration) ** 2))


def wander(law: Drift, before: np.ndarray, duration: float, normal: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """ln(current) of biases after some time.

    Parameters
    ----------
    law : Drift
    before, normal : array
        ln(current) before, and a standard normal for each.
    duration : float
        [s]
    scale : float
        Factor on the standard deviation.

    Returns
    -------
    array
        Shape of ``before``.

    Examples
    --------
    >>> law = Drift("random-walk", 0.01, 3600.0)
    >>> wander(law, np.zeros(2), 4 * 3600.0, np.array([1.0, -1.0])).round(3).tolist()
    [0.02, -0.02]
    """
    return before * law.kept(duration) + scale * law.std_after(duration) * normal
