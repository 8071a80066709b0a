"""The largest time step at which the mean rate of a work is within 1 % of the converged one, for each simulator.

Both get the same dies, network and inputs. The reference of chipemu is a step of 12.5 us; forward Euler in Brian2
converges in first order, and its reference is extrapolated from 50 us and 25 us.
"""

from pathlib import Path

from peer_process import HERE, Peer

from chipemu.bench.speed import Bench
from chipemu.bench.work import Work

TOLERANCE = 0.01
_FINEST = 0.0125  # ms
_COARSER, _FINER = 0.05, 0.025  # ms, of the extrapolation
_BRIAN2_STEPS = (0.05, 0.1, 0.2, 0.5, 1.0)  # ms


def own_steps(work: Work, steps) -> dict:
    """Relative error of chipemu's mean rate at steps [ms], and the largest of them within 1 %."""
    rates = [_own_rate(work, dt) for dt in steps]
    return _judged(steps, rates, _own_rate(work, _FINEST))


def _own_rate(work: Work, dt: float) -> float:
    return Bench(work, dt=dt * 1e-3).run().sizes["spike"] / _seconds_of_neurons(work)


def brian2_steps(python, arrays: Path, work: Work) -> dict:
    """The same of Brian2, whose equations and numbers do not depend on its target: NumPy needs no compiler."""
    rates = {dt: _brian2_rate(python, arrays, work, dt) for dt in sorted({_FINER, _COARSER, *_BRIAN2_STEPS})}
    reference = 2 * rates[_FINER] - rates[_COARSER]
    return _judged(_BRIAN2_STEPS, [rates[dt] for dt in _BRIAN2_STEPS], reference)


def _brian2_rate(python, arrays, work, dt):
    with Peer(python, HERE / "peer_brian2.py", [arrays, "--dt", dt, "--target", "numpy"]) as peer:
        return peer.first["n_spikes"] / _seconds_of_neurons(work)


def _seconds_of_neurons(work: Work) -> float:
    return work.n_neurons * work.n_dies * work.duration


def _judged(steps, rates, reference) -> dict:
    errors = [rate / reference - 1 for rate in rates]
    # a larger step than one that fails does not count, even if its errors cancel
    n_good = next((k for k, error in enumerate(errors) if abs(error) > TOLERANCE), len(errors))
    return {
        "dt_ms": list(steps),
        "rate_hz": rates,
        "error": errors,
        "reference_hz": reference,
        "largest_ms": steps[max(n_good - 1, 0)],
    }
