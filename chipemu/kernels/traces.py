"""What a host computes from recorded spikes: the estimated feedback current at every input spike."""

import math

import numpy as np

from chipemu.kernels.jit import kernel


@kernel(allocates=True)
def feedback_products(event_offset, event_step, event_source, n_inputs, run_offset, step, unit, sign, decay, out):
    """Sum over input spikes of the low-passed difference of controller spikes.

        out[run, n, i] = sum over spikes of input i of I_n(t),
        I_n(t) = sum over earlier controller spikes t' of neuron n of +-exp(-(t - t')/tau)

    Parameters
    ----------
    event_offset, event_step, event_source : input events of every run, sorted by step
    n_inputs : sources from this on are not inputs
    run_offset : (r + 1) first controller spike of each run
    step, unit, sign : controller spikes of all runs: when, which output neuron, +1 or -1 (float)
    decay : (2) time constant of positive and negative feedback [steps]
    out : (r, n, i) filled
    """
    n_neurons = out.shape[1]
    for run in range(out.shape[0]):
        out[run, :, :] = 0.0
        cursor = run_offset[run]
        trace_p = np.zeros(n_neurons)
        trace_n = np.zeros(n_neurons)
        last = 0
        for e in range(event_offset[run], event_offset[run + 1]):
            if event_source[e] >= n_inputs:
                continue
            now = event_step[e]
            while cursor < run_offset[run + 1] and step[cursor] < now:
                keep_p = math.exp(-(step[cursor] - last) / decay[0])
                keep_n = math.exp(-(step[cursor] - last) / decay[1])
                for n in range(n_neurons):
                    trace_p[n] *= keep_p
                    trace_n[n] *= keep_n
                last = step[cursor]
                if sign[cursor] > 0:
                    trace_p[unit[cursor]] += sign[cursor]
                else:
                    trace_n[unit[cursor]] += sign[cursor]
                cursor += 1
            keep_p = math.exp(-(now - last) / decay[0])
            keep_n = math.exp(-(now - last) / decay[1])
            for n in range(n_neurons):
                out[run, n, event_source[e]] += trace_p[n] * keep_p + trace_n[n] * keep_n
