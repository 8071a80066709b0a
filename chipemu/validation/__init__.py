"""The emulator against references: closed forms, published measurements, and a converged solution.

``run_checks`` is what ``chipemu check`` prints. Expected values, tolerances and sources stand in
``data/reference/*.csv``; each row is measured at the operating point it names, with only the effects it is about. The
fits behind the shipped numbers are ``python -m chipemu.validation.fit_epsp`` and ``fit_mismatch`` beside it.
"""

from chipemu.validation.check import Check
from chipemu.validation.coverage import unchecked
from chipemu.validation.suite import run_checks

__all__ = ["Check", "run_checks", "unchecked"]
