"""Flicker and supply noise of a die's currents: what a kernel needs, from the device file.

Flicker noise of a transistor, referred to its gate (Tsividis 1999, section 8.5; empirical), and of its subthreshold
current I ~ exp(kappa V_G / U_T):

    S_VG(f) = K / (C_ox W L) (1 Hz)^(a - 1) / f^a,        S_lnI(f) = (kappa / U_T)^2 S_VG(f),

one-sided, with exponent a near 1. It is made of Ornstein-Uhlenbeck processes (van der Ziel 1950, Physica 16:359, eq. 8,
traps with time constants spread over decades): a process of variance s^2 and time constant tau has the spectrum
4 s^2 tau / (1 + (2 pi f tau)^2). Time constants at ratio r, with variances A tau^(a - 1), add up to

    sum over tau  ->  4 A / ln(r) integral of tau^(a - 1) / (1 + (2 pi f tau)^2) d tau
                    = 2 pi A / (ln(r) sin(pi a / 2)) / (2 pi f)^a

between the corners. Left out: K differs between n and p transistors and from device to device; random telegraph steps
of small transistors; the rise of K above weak inversion.
"""

from collections.abc import Sequence

import numpy as np

from chipemu.chip import Chip
from chipemu.device import Noise
from chipemu.kernels.layout import STREAM_SLOW_START, WHOLE_CORE
from chipemu.kernels.random import fill_normals
from chipemu.kernels.slow import LANES, N_GROUPS, N_SLOW, RARER, SUPPLY, Slow
from chipemu.units import thermal_voltage
from chipemu.wiring import Lanes

TICK = 1.6e-3  # s, or one step where that is longer
_PER_GROUP = 2  # processes of one current that move together
_BEYOND = 2.0  # corners reach beyond both ends of the band by this factor


def flicker_level(noise: Noise, kappa: float, temperature: float) -> float:
    """One-sided spectral density of ln(current) at 1 Hz [1/Hz]."""
    return (kappa / thermal_voltage(temperature)) ** 2 * noise.flicker_K / noise.flicker_C_gate


def flicker_processes(noise: Noise, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Time constants [s] and variances of the processes whose sum has the spectrum level / f^exponent in the band.

    The fastest come first.

    Examples
    --------
    >>> tau, variance = flicker_processes(Noise(flicker_low=0.01, flicker_high=50.0), 1e-6)
    >>> f = 1.0
    >>> total = (4 * variance * tau / (1 + (2 * np.pi * f * tau) ** 2)).sum()
    >>> bool(abs(total / 1e-6 - 1) < 0.1)
    True
    """
    exponent = noise.flicker_exponent
    corner = np.geomspace(noise.flicker_high * _BEYOND, noise.flicker_low / _BEYOND, _PER_GROUP * N_GROUPS)
    tau = 1 / (2 * np.pi * corner)
    ratio = corner[0] / corner[1]
    area = level * np.log(ratio) * (2 * np.pi) ** (exponent - 1) * np.sin(np.pi * exponent / 2)
    return tau, area * tau ** (exponent - 1)


def spectrum(f: np.ndarray, tau: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """One-sided spectral density of a sum of Ornstein-Uhlenbeck processes at frequencies ``f`` [Hz]."""
    f = np.asarray(f)[..., None]
    return (4 * variance * tau / (1 + (2 * np.pi * f * tau) ** 2)).sum(-1)


def _of_both(process: np.ndarray) -> np.ndarray:
    """What holds for the processes of one current, for those of input and leak in the order of the kernel."""
    return np.tile(process.reshape(N_GROUPS, _PER_GROUP), 2).ravel()


def weights(chip: Chip) -> np.ndarray:
    """Standard deviation in ln(current) of every process on a die, (process,) in the order of the kernel."""
    noise, circuit = chip.device.noise, chip.device.circuit
    level = flicker_level(noise, circuit["kappa"], chip.acting_temperature)
    flicker = np.sqrt(flicker_processes(noise, level)[1]) * chip.applied.scale("flicker_noise")
    return np.append(_of_both(flicker), noise.supply_std * chip.applied.scale("supply_noise"))


def build_slow(chips: Sequence[Chip], n_seeds: int, lanes: Lanes, keys: np.ndarray, dt: float, dtype: type) -> Slow:
    """Slow noise of every run in its stationary state; without any the state is empty.

    Parameters
    ----------
    keys : (run, 2) noise seed and die seed
    dt : time step [s]
    dtype : of the state
    """
    weight = np.repeat([weights(chip) for chip in chips], n_seeds, 0)
    every = max(1, round(TICK / dt))
    noise = chips[0].device.noise
    tau = np.append(_of_both(flicker_processes(noise, 1.0)[0]), noise.supply_tau)
    moves = np.append(np.repeat(RARER ** np.arange(N_GROUPS), 2 * _PER_GROUP), 1)  # ticks from one to the next
    keep = np.exp(-every * moves * dt / tau)
    n_lanes = lanes.n_lanes if weight.any() else 0
    slow = Slow(
        every=every,
        keep=keep.astype(dtype),
        kick=np.sqrt(1 - keep**2).astype(dtype),
        weight=weight.astype(dtype),
        state=np.zeros((len(keys), n_lanes * N_SLOW), dtype),
    )
    start(slow, np.repeat([chip.n_waits for chip in chips], n_seeds), lanes, keys)
    return slow


def set_weights(slow: Slow, chips: Sequence[Chip], n_seeds: int) -> None:
    """Sizes at the temperature of each die; the state goes on."""
    slow.weight[:] = np.repeat([weights(chip) for chip in chips], n_seeds, 0)


def start(slow: Slow, n_waits: np.ndarray, lanes: Lanes, keys: np.ndarray) -> None:
    """Draw the stationary state anew; ``n_waits`` (run,) tells the draws of a die that aged from its earlier ones."""
    if slow.state.size == 0:
        return
    core = lanes.address | np.uint32(WHOLE_CORE)
    state = slow.state.reshape(len(keys), -1, N_SLOW, LANES)
    normal = np.empty(lanes.n_lanes)
    for run, (key_a, key_b) in enumerate(keys):
        for m in range(N_SLOW):
            address = core if m == SUPPLY else lanes.address
            fill_normals(address, STREAM_SLOW_START, int(n_waits[run]) << 8 | m, int(key_a), int(key_b), normal)
            state[run, :, m] = normal.reshape(-1, LANES)
