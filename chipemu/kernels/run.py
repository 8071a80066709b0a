"""The compiled call that lets some of many dies run on."""

from chipemu.kernels.jit import kernel
from chipemu.kernels.lesson import attend


@kernel(unlocked=True)
def run_dies(
    runs, presentations, room, team, X, pending, addresses, clock, keys, floor, slow, wiring, amplitude, events,
    plastic, store, features, depression, transit, spikes, probes, lesson,
):  # fmt: skip
    """Advance some runs by ``clock.n_steps``, or let them attend a part of a lesson; runs share nothing, so any batch
    and any number of threads gives the same bits.

    Parameters
    ----------
    runs : (first, after the last)
    presentations : (first, after the last) of the lesson
    room : of the calling thread
    team : the calling thread's place among those that step the same die
    X : (r, n_blocks * BLOCK) float32 or float64, state and parameters, advanced in place
    pending : (r, n_blocks) int32, above 0 where a neuron may have spiked in the last step
    addresses : (n) uint32, core * 65536 + neuron, the address of the noise
    keys : (r, 2) uint64, (noise seed, die seed)
    floor : (r, 2) of X's type: leakage floor I0 [pA] and ln(I0 / pA), which rise with temperature
    slow : flicker and supply noise, part of the state
    amplitude : (r, e) of X's type, words with their slot spread
    features : (n_blocks) int32, bits of ``dendrite``: what some blocks do beyond the rest
    depression : connections whose events find less than their whole weight
    transit : events and pulses on their way, part of the state
    lesson : presentations that every run attends in place of ``events``, if there are any
    """
    for run in range(runs[0], runs[1]):
        if clock.active[run]:
            attend(
                X[run], pending[run], room, team, addresses, run, presentations, clock, keys[run], floor[run], slow,
                wiring, amplitude[run], events, plastic, store, features, depression, transit, spikes, probes, lesson,
            )  # fmt: skip
