"""Where each quantity of a neuron lives: blocks of 16 neurons, all fields of a block side by side.

One die is a flat array of blocks; a block holds ``N_FIELDS`` fields of ``LANES`` neurons each, so the value of field
``f`` of lane ``l`` in block ``b`` is ``X[(b * N_FIELDS + f) * LANES + l]``.  Constant distances between fields let the
compiler prove that nothing aliases and use packed instructions; separate arrays defeat it.

Units inside kernels: pA, ms, pF, mV.  Log-membrane ``Y`` is ln(I_mem / 1 pA), so V_mem = (U_T / kappa) (Y - ln I0).
"""

LANES = 16
INDEX = 0x7FFFFFFF
"""An index masked with it is known to be non-negative: the compiler leaves out the test for wrap-around on every
access, which would stop packing."""
WHOLE_CORE = 0xFFFF
"""Neuron part of an address that means the core itself."""

# --- state ------------------------------------------------------------------------------------------------
I_SYN = 0  # 4 fields: DPI output current of AMPA, NMDA, GABA_A, GABA_B [pA]
Y = 4  # ln(I_mem / pA)
I_AHP = 5  # adaptation current [pA]
REFRACTORY = 6  # steps of dead time left
INPUT_NOISE = 7  # Ornstein-Uhlenbeck factor on the input current
SPIKE = 8  # 1 where the neuron spiked in the step just done
SPIKE_FRACTION = 9  # where in that step, 0..1
NORMAL = 10  # 8 fields: standard normals for four steps (membrane, input, membrane, input, ...)
N_STATE = 18

# --- parameters (constant while a run lasts) -----------------------------------------------------------------
DECAY = 18  # 4 fields: exp(-dt / tau_syn)
I_GAIN_SYN = 22  # 4 fields: DPI gain current [pA]
CHARGE = 26  # 4 fields: linear charge of one word, kappa I_gain I_w t_pulse / (C U_T) [pA]
I_TAU = 30  # leak [pA]
I_GAIN = 31  # soma gain [pA]
STEP_PER_CHARGE = 32  # dt kappa / (C_mem U_T) [1/pA]
I_DC = 33  # [pA]
I_NMDA_THR = 34  # [pA]
FB_GAIN = 35  # [pA]
FB_TH = 36  # [pA]
FB_INV_NORM = 37  # [1/pA]
AHP_DECAY = 38  # exp(-dt / tau_ahp)
AHP_JUMP = 39  # [pA]
Y_THR = 40  # ln(I_spkthr / pA)
Y_RESET = 41  # ln(I_reset / pA)
T_REF = 42  # steps
MEMBRANE_KICK = 43  # standard deviation of thermal noise per step in Y
OU_KEEP = 44  # exp(-dt / tau_noise)
OU_KICK = 45  # standard deviation of the OU innovation per step

# --- slow noise (see slow.py), state: factors that a tick sets, 1 without it ---------------------------------
SLOW_INPUT = 46  # on the input current of the soma
SLOW_LEAK = 47  # on its leak

# --- dendrites of DYNAP-SE2 (see dendrite.py); read only in blocks whose features ask for them ---------------
DPI_E = 48  # 2 fields (AMPA, NMDA), state: current of the excitatory DPI [pA]
DPI_I = 50  # 2 fields, state: current of the inhibitory DPI of an alpha shape [pA]
LN_GAIN = 52  # 2 fields, state: ln of the homeostatic factor on the gain
LN_GAIN_REST = 54  # 2 fields, state: what the sum before has lost to rounding
I_CA = 56  # state: calcium current [pA]
DECAY_E = 57  # 2 fields: exp(-dt / tau) of the excitatory DPI
DECAY_I = 59  # 2 fields
I_GAIN_I = 61  # 2 fields: gain current of the inhibitory DPI [pA]
CHARGE_I = 63  # 2 fields: linear charge of one word in it [pA]
ALPHA = 65  # 2 fields: 1 with an alpha shape, else 0
INV_REV = 67  # 2 fields: 1 / I_rev, or 0 without a driving force [1/pA]
LN_GAIN_STEP = 69  # 2 fields: dt / tau_h, or 0 without homeostasis
CA_DECAY = 71  # exp(-dt / tau_ca)
CA_JUMP = 72  # [pA]
I_CA_TARGET = 73  # [pA]
LN_GAIN_LIMIT = 74
STD_RATE = 75  # dt / tau_rec of depressing synapses
STD_KEPT = 76  # 1 - U
N_FIELDS = 77
BLOCK = N_FIELDS * LANES

# --- pulses: an array of their own, (block, receptor, lane), small enough to stay in the first cache -----------
# amplitude gathered for this step [CAM words]; a flag for each 16 lanes tells which have any
PULSES = 4 * LANES  # of a block

# --- receptors -----------------------------------------------------------------------------------------------
AMPA, NMDA, GABA_A, GABA_B = 0, 1, 2, 3
N_RECEPTORS = 4

# --- random streams: the third counter word keeps their numbers apart ---------------------------------------
STREAM_NOISE = 1
STREAM_PLASTIC = 2
STREAM_MISMATCH = 3
STREAM_SLOT = 4
STREAM_AGEING = 6
STREAM_DELAY = 12
STREAM_PROGRAM = 8
STREAM_READ = 9
STREAM_DEFECT = 16
STREAM_CORRELATED = 20
STREAM_OUTLIER = 21
STREAM_GRADIENT = 22
STREAM_EVENT = 30
STREAM_SLOW = 31
STREAM_SLOW_START = 32
STREAM_LESSON = 33
