"""Rate homeostasis of a hidden layer: before anything learns, every neuron is brought to the mean rate asked for.

Mismatch of synapses, thresholds and leaks moves the place where a neuron starts to fire as far as the input moves its
drive: at the measured mismatch a seventh of the neurons never fires and a fifteenth always does, and neither tells
classes apart.  Homeostatic plasticity sets excitability after the neuron's own mean rate (Turrigiano 2012; by a slow
analog loop on silicon, Qiao et al. 2017).  Here a host does it once, from spike counts and without labels: it plays a
few presentations and moves the codes of a neuron along the mean input, up where the neuron fired too little and down
where too much, by ever smaller steps, and so finds the threshold that this neuron has on this die.

Left out: a chip that does so by itself and all the time, so that rates that drift while synapses learn, or with age and
temperature, are not brought back.
"""

from collections.abc import Sequence

import numpy as np

from chipemu.learning.hidden import HIDDEN, code_max, on_trains, with_mean_input
from chipemu.learning.lesson import TEST, attend
from chipemu.learning.session import Session
from chipemu.ledger import Ledger

ROUNDS, PRESENTATIONS = 6, 40
_SHRINK = 0.7  # of steps from round to round
_FULL = 0.7  # distance in ln(rate) from which a step is taken whole
_LEAST = 0.5  # Hz, added to rates so that those of silent neurons have a logarithm


def equalise_rates(session: Session, rate: float, rates: np.ndarray, generators: Sequence[np.random.Generator]) -> None:
    """Bring hidden neurons to a mean rate by moving their codes along the mean input; they stay on the die.

    Parameters
    ----------
    session : with first weights on the die
    rate : mean over presentations, settle and decide phases [Hz]
    rates : (presentation, train) or (presentation, phase, train) of the training split [Hz]
    generators : one for each run, which draws the presentations
    """
    emulator, circuit = session.emulator, session.circuit
    trains, neurons = circuit.n_trains, emulator.mapped.neuron_slice("hidden")
    most = code_max(emulator.mapped.device)
    first = circuit.weight_table(emulator.weights()[HIDDEN], HIDDEN)[:, :, ::trains]
    sent = rates.reshape(len(rates), -1, circuit.n_inputs).mean(1)[:, ::trains]
    mean, spread = circuit.connected(HIDDEN)[:, ::trains] * sent.mean(0), sent.std(0)
    asked = (first * mean).sum(-1)
    step = np.sqrt(((first * spread) ** 2).sum(-1))  # how far presentations move the drive of this neuron
    length = PRESENTATIONS * (session.schedule.settle + session.schedule.delay + session.schedule.answered)
    for round_ in range(ROUNDS):
        order = np.stack([rng.choice(len(rates), PRESENTATIONS) for rng in generators])
        count = attend(session, rates, order, np.zeros_like(order), TEST).count[:, neurons]
        away = np.log((rate + _LEAST) / (count / length + _LEAST))
        asked += step * _SHRINK**round_ * np.clip(away / _FULL, -1, 1)
        codes = with_mean_input(first, mean, asked, most)
        emulator.upload({**emulator.weights(), HIDDEN: on_trains(circuit, codes)})
    emulator.ledger += Ledger(host_operations=np.full(session.n_runs, ROUNDS))
