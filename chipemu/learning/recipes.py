"""What is usual for a task: how long it is trained, how its network is wired, and how fast it learns.

Chosen on the validation split; every entry can be told otherwise in `chipemu.learning.settings.Settings`.
"""

from collections.abc import Mapping
from dataclasses import replace

from chipemu.device import DeviceSpec
from chipemu.learning.circuit import Controller
from chipemu.learning.hidden import MASK_UNITS, Hidden
from chipemu.learning.rules import HostRule
from chipemu.learning.schedule import Schedule
from chipemu.learning.train import Budget
from chipemu.plasticity import NO_RULES, PlasticityRule, plasticity_rule

DEFAULT_ETA = 1.5  # of plastic synapses
CHIP_ETA = {"digits": 6.0, "mnist": 6.0}  # where it is another: their words weigh a quarter, their feedback half

# Few sources leave room for many trains of each, which together are nearly a constant current. Many add up, so that
# their words are smaller, and as many steps of their codes move a hidden neuron less.
_MANY_SOURCES = Hidden(0, feedback="mirrored", rate=30.0, point="hidden-fine", eta=0.25)
# Of 64 plastic synapses 18 see the cue and 44 the other neurons; the constant source holds these near their threshold.
_REMEMBERING = Hidden(0, trains=2, constant=2, share=0.5, eta=0.0133, recurrent_fan_in=44, point="recurrent")
LAYERS = {
    "yinyang": Hidden(0, trains=12, feedback="mirrored", rate=40.0),
    "digits": _MANY_SOURCES,
    "mnist": _MANY_SOURCES,
    "delayed-cue": _REMEMBERING,
}
# Feedback that is injected is weak, and hidden synapses learn the faster for it. Room is left to read other neurons.
CONTROLLED = {
    "yinyang": Hidden(0, trains=6, recurrent_fan_in=30, injected=True, point="hidden-controlled", share=0.5, eta=0.08),
}
ETA_NEURONS = 30  # hidden neurons for which a recipe gives its learning rate
DEFAULT_HIDDEN_ETA = 1.5  # of outputs that read a hidden layer
HIDDEN_ETA = {"delayed-cue": 0.5}  # where it is another
CONTROLLED_ETA = 0.25  # under least control; at twice that two dies of five end four points lower

# With many inputs one word of an output neuron must weigh little, or the codes cannot tell the rates asked for apart.
# Rates of 80 Hz stand further above the dead band of the controllers than 40 Hz; a controller that fires by itself
# teaches its neuron to be silent, so that the quiet point holds them below their rheobase.
_QUIET = {
    "chip": Controller(output_point="output-fine", controller_point="controller-quiet"),
    "host": Controller(controller_point="controller-quiet"),
}
CONTROLLERS = {"digits": _QUIET, "mnist": _QUIET}

# `binary` regresses to its targets, as published; the others are taught by their errors, because the fixed point of
# plain regression is least squares. The larger tasks also learn where the right unit barely leads, ever more slowly.
_SLOWER = ((0.34, 0.3), (0.67, 0.1))
_SLOWEST = ((0.34, 0.3), (0.67, 0.05))
_BRIGHT = Schedule(margin=24, target_rate=80.0, gate_rate=60.0)
_LONG_UNSURE = Schedule(decide=0.3, margin=12)
# The delay is four time constants of the slow synapses at `recurrent`, so that these alone carry little across it.
_LATE = Schedule(settle=0.1, delay=0.4, decide=0.2, gap=0.3, margin=8, target_rate=80.0, gate_rate=60.0)
USUAL = {
    "binary": (Budget(200, 4, 100, 2), Schedule(settle=0.1, decide=0.5, gap=0.05, gated=False)),
    "yinyang": (Budget(), Schedule()),
    "iris": (Budget(1500, 10, 24, 3, decay=_SLOWER), _LONG_UNSURE),
    "breast-cancer": (Budget(1000, 8, 75, 3, decay=_SLOWER), _LONG_UNSURE),
    "digits": (Budget(4000, 12, 250, 1, 4, _SLOWEST), _BRIGHT),
    "mnist": (Budget(9000, 12, 250, 1, 4, _SLOWEST), _BRIGHT),
    "delayed-cue": (Budget(900, 6, 100, 1, 2, _SLOWER), _LATE),
}
# Synapses that read the change of rates need passes in which the slow trace settles.
TRACED = {"yinyang": (Budget(1500, 15, 150, 1, 4, _SLOWER), replace(_BRIGHT, settle=0.1, decide=0.4, margin=8))}
TRACED_ETA = 1.0
# With a hidden layer outputs have as many plastic inputs as those of the larger tasks, so that they are wired likewise.
# Mirrored feedback must keep up with them: it is rewritten at every checkpoint.
_DEEPER = Budget(6000, 24, 100, 1, 4, ((0.33, 0.3), (0.66, 0.1), (0.83, 0.04)))
_LONG = replace(_BRIGHT, margin=8, settle=0.06, decide=0.2, gap=0.02)
# Control comes on after a wrong decision and never else, so that its amount is what is still to be learned.
_LEAST = (Budget(6000, 20, 100, 1, 4, ((0.4, 0.3), (0.7, 0.1), (0.85, 0.03))), replace(_LONG, margin=0, decide=0.4))
DEEP = {
    "digits": (_DEEPER, _BRIGHT),
    # 3500 images are seen four times
    "mnist": (replace(_DEEPER, presentations=15000), _BRIGHT),
    "delayed-cue": USUAL["delayed-cue"],
}
# Where a source has few of a neuron's 62 free words, its weight is held to that share: 1 of 62 sources, 2 of 31. So few
# levels need rounding that balances within a unit.
_FINE = HostRule(eta=0.03, forget=0.0, rounding="balanced")
HOST_RULES = {
    "iris": _FINE,
    "breast-cancer": replace(_FINE, limit=2),
    "digits": replace(_FINE, limit=1),
    "mnist": replace(_FINE, limit=1),
}

# Charges at the points of DYNAP-SE2 over those at DYNAP-SE1's: its rheobase is smaller by as much, and so is the
# feedback charge of one error. One of its words weighs up to 15 units, so that a limit in words leaves 15 levels.
_SE2_CHARGE = 0.625
# Behind a hidden layer outputs read as many neurons as they have words, a word each, in units as fine as codes.
_HIDDEN_HOST = HostRule(eta=1.0, forget=0.0, rounding="balanced", limit=MASK_UNITS, hidden=0.0625)
# Few sources, each of many trains: their words weigh eight times as much, and as many steps move a neuron more.
HIDDEN_HOST_RULES = {"yinyang": replace(_HIDDEN_HOST, eta=0.2, hidden=0.01)}
OPEN_RATE = 0.25  # of the learning rate in a closed loop: an error that nothing corrects is reported to the end


def usual_host(task: str, device: DeviceSpec | None = None, hidden: int = 0, closed: bool = True) -> HostRule:
    """Numbers of the host's rule that a task is trained with on a device, unless told otherwise."""
    if hidden:
        rule = HIDDEN_HOST_RULES.get(task, _HIDDEN_HOST)
        return rule if closed else replace(rule, eta=rule.eta * OPEN_RATE)
    rule = HOST_RULES.get(task, HostRule())
    if not is_dynapse2(device):
        return rule
    return replace(rule, eta=rule.eta / _SE2_CHARGE, limit=rule.limit and MASK_UNITS * rule.limit)


def usual_controller(task: str, where: str, device: DeviceSpec | None = None, hidden: int = 0) -> Controller:
    """Wiring recipe that a task is trained with at a place and on a device, unless told otherwise."""
    usual = _QUIET["chip"] if hidden else CONTROLLERS.get(task, {}).get(where, Controller())
    if not is_dynapse2(device):
        return usual
    # A word of its gate weighs twice as much: the generator has no smaller gain that it could tell from its neighbours.
    points = {name: f"se2-{getattr(usual, name)}" for name in ("output_point", "controller_point")}
    return replace(usual, **points, gate_words=1)


def is_dynapse2(device: DeviceSpec | None) -> bool:
    """Whether a device descends from DYNAP-SE2, whose operating points are its own."""
    return device is not None and "dynapse2" in device.lineage


def usual(
    task: str, hidden: int = 0, least_control: bool = False, rules: Mapping[str, str | PlasticityRule] = NO_RULES
) -> tuple[Budget, Schedule]:
    """Budget and schedule that a task is trained with, without or with hidden neurons, unless told otherwise."""
    if least_control:
        budget, schedule = _LEAST
    elif hidden:
        budget, schedule = DEEP.get(task, (_DEEPER, _LONG))
    elif is_traced(rules) and task in TRACED:
        budget, schedule = TRACED[task]
    else:
        budget, schedule = USUAL.get(task, (Budget(), Schedule()))
    if is_traced(rules):
        schedule = replace(schedule, settle=max(schedule.settle, 0.1), decide=max(schedule.decide, 0.4))
    return budget, schedule


def is_traced(rules: Mapping[str, str | PlasticityRule]) -> bool:
    """Whether a rule reads the change of rates."""
    return any(plasticity_rule(rule).reads("rate_change") for rule in rules.values())
