"""What is left of a calibration when the dies have become warmer, colder or older."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from chipemu.calibration.bench import Bench, wire_bench
from chipemu.calibration.nominal import Nominal, Trials, check_chips
from chipemu.calibration.result import Calibration, die_hash
from chipemu.chip import Chip
from chipemu.errors import InputError
from chipemu.ledger import Ledger
from chipemu.mapping import MappedNetwork


def carry_over(result: Calibration, chips: Sequence[Chip], mapped: MappedNetwork, *, seed: int = 1) -> Calibration:
    """Look again at calibrated dies at another temperature or age; their biases stay as they are.

    Parameters
    ----------
    result
        Of the same dies.
    chips
        The dies as they are now, in the order of ``result``.
    mapped
        The network that will run.
    seed
        Of temporal noise; another than that of the calibration.

    Returns
    -------
    Calibration
        ``before`` as just after calibration, ``after`` as now; one more trial a quantity in the ledger.

    Raises
    ------
    InputError
        If the dies are others.

    Examples
    --------
    >>> from chipemu import Network, load_device, map_network, sample_chip
    >>> from chipemu.calibration import calibrate
    >>> device, net = load_device("dynapse1"), Network("one")
    >>> source, pop = net.sources("in", 1), net.population("cells", 4, point="output")
    >>> _ = net.project(source, pop, receptor="ampa", words=8)
    >>> mapped, chip = map_network(net, device), sample_chip(device, seed=1)
    >>> cool = calibrate([chip], mapped)
    >>> hot = carry_over(cool, [chip.set_temperature("60degC")], mapped)
    >>> cool.success.tolist(), hot.success.tolist()
    ([True], [False])
    """
    quantised = check_chips(chips, mapped)
    known = [(chip.seed, die_hash(chip)) for chip in result.chips]
    if [(chip.seed, die_hash(chip)) for chip in chips] != known:
        raise InputError(
            f"dies {', '.join(str(chip.seed) for chip in chips)} are not those that were calibrated, in their order: "
            f"{', '.join(str(seed) for seed, _ in known)}; calibrate them"
        )
    nominal = Nominal(mapped, result.points, quantised) if mapped.n_neurons else None
    if nominal is None or not nominal.knobs:
        return replace(result, chips=tuple(chips), before=result.after)
    dies = Bench(chips, wire_bench(mapped, nominal.used), result.points, seed=seed, setting=result.setting)
    trials = Trials(dies, nominal, mapped)
    now = trials.measure(np.ones(len(chips), bool)) / trials.target
    # what membranes told then is not judged by rates now
    now[:, [[(point, name) in result.unobserved for name in result.names] for point in mapped.core_point]] = np.nan
    spent = Ledger(calibration_trials=trials.count, chip_time_s=np.asarray(dies.emulator.ledger.chip_time_s))
    return replace(result, chips=tuple(chips), before=result.after, after=now, ledger=result.ledger + spent)
