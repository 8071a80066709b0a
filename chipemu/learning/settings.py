"""Everything an experiment depends on, and what is usual for a task."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from chipemu.device import DeviceSpec, load_device
from chipemu.device_file import content_hash
from chipemu.errors import InputError, UnknownNameError
from chipemu.frozen_map import FrozenMap
from chipemu.learning.circuit import TRAINED, Controller
from chipemu.learning.feedback import FEEDBACKS
from chipemu.learning.hidden import APICAL, HIDDEN, MASK_UNITS, RECURRENT, Hidden
from chipemu.learning.rules import HostRule
from chipemu.learning.schedule import Schedule
from chipemu.learning.train import Budget
from chipemu.plasticity import FEEDBACK_RULE, PlasticityRule, plasticity_rule
from chipemu.temperature import ROOM

PLACES = ("chip", "host")
TRANSFERS = ("snn", "snn-mismatch")
RULED = ("outputs", "hidden")
_NO_RULES: Mapping[str, PlasticityRule] = FrozenMap({})
DEFAULT_DEVICE = {"chip": "dynapse1-plastic", "host": "dynapse1"}
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
HIGHEST_RATE = 200.0  # Hz, that hidden neurons are asked for
DEFAULT_HIDDEN_ETA = 1.5  # of outputs that read a hidden layer
HIDDEN_ETA = {"delayed-cue": 0.5}  # where it is another
CONTROLLED_ETA = 0.5  # under least control

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
_LEAST = (Budget(6000, 20, 100, 1, 4, ((0.4, 0.3), (0.7, 0.1))), replace(_LONG, margin=0, decide=0.4))
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


@dataclass(frozen=True)
class Settings:
    """Everything an experiment depends on.

    Attributes
    ----------
    task : name of a task
    device : name or path; None takes the usual device of ``where``
    where : ``"chip"``, ``"host"`` or None, which learns on the chip if the device has plastic synapses
    chip_seeds, noise_seeds : dies, and noise seeds for each die
    seed : of presentation orders and stochastic rounding
    without, scale : effects switched off or scaled, see :func:`chipemu.effects.switches`
    split : ``"validation"``, or ``"test"`` to open the test split
    temperature : of the dies [K]
    leak_choice : whether calibration lets every neuron choose between two leaks
    core_times : whether calibration also reads membranes and brings time constants of cores together
    calibrate_at : temperature at which they were calibrated [K]; None calibrates at that of use
    mismatch_model, corner : spread ``"measured"`` or by ``"geometry"``, and process corner, see
        :func:`chipemu.chip.sample_chip`
    age : time that the dies lie idle between training and the final test [s]
    compensate : whether the drift of memristive weights over that time is compensated by one gain a die
    budget, schedule : how training goes; None takes the usual ones of the task, see ``USUAL``
    controller : wiring recipe of the controllers; None takes the usual one of task and place
    eta : learning rate; None takes the usual one of task and place
    rules : by layer, ``"outputs"`` or ``"hidden"``, how plastic synapses learn: a rule, or the name of one; a layer
        that is not named learns by the feedback current
    host : numbers of the host's rule; None takes the usual ones of the task, see ``HOST_RULES``
    levels : weight levels of a trained synapse, an odd number from 3; None takes what the device's plastic synapses
        hold, or at a host the limit of ``host``
    permute_labels : ablation: labels of train and validation are shuffled, anew for every run
    inject : False senses the feedback current without injecting it into the somata of any neuron, controllers included,
        which then no gate holds silent
    hidden : hidden neurons; 0 for one layer
    least_control : feedback is injected into hidden neurons, and they learn in the state that it brings about
    target_propagation : inverse feedback in an open loop, with hidden neurons: feedback moves neither them nor outputs
    layer : recipe of the hidden layer, whose number of neurons is ``hidden``; None takes the usual one of the task
    feedback : how it reaches hidden neurons, of ``FEEDBACKS``: its random signs are kept, or the host rewrites it at
        checkpoints after what the outputs have learned, or after what controllers answer to noise; None takes the usual
        way of the task
    hidden_rate : mean rate that every hidden neuron is brought to before anything learns [Hz]; 0 leaves rates as
        mismatch makes them, None takes the usual one of the task
    freeze_hidden : ablation: the synapses of hidden neurons keep their first codes
    recurrent : hidden neurons also read one another
    freeze_recurrent : ablation: recurrent synapses keep their first codes
    shuffle_feedback : ablation: the feedback of every hidden neuron gets a random sign at every taught presentation
    mapping : name or path of a saved placement; None places anew
    repair : move the network off what is dead or stuck on each die, see :func:`chipemu.mapping.repair`
    silence_above : rate above which neurons that fire by themselves are silenced before training [Hz]; None for none
    start_from : result file whose trained weights every die is given before it is trained
    transfer : float network whose weights every die is given before it is trained, of ``TRANSFERS``; None for none
    regions : points along a side of the plane of `yinyang` in which every run's decisions are mapped; 0 for no map
    latches : set in the output neurons and their trained synapses, beside what the device sets by itself
    dt : time step [s]; at 0.5 ms the rate error of the output neurons stays below 1.2 % up to 107 Hz (tested to 1 %)
    """

    task: str
    device: str | None = None
    where: str | None = None
    chip_seeds: tuple[int, ...] = (0,)
    noise_seeds: tuple[int, ...] = (0,)
    seed: int = 0
    without: tuple[str, ...] = ()
    scale: Mapping[str, float] = field(default_factory=dict)
    split: str = "validation"
    temperature: float = ROOM
    leak_choice: bool = False
    core_times: bool = False
    calibrate_at: float | None = None
    mismatch_model: str = "measured"
    corner: str = "TT"
    age: float = 0.0
    compensate: bool = False
    budget: Budget | None = None
    schedule: Schedule | None = None
    controller: Controller | None = None
    eta: float | None = None
    rules: Mapping[str, str | PlasticityRule] = field(default_factory=dict)
    host: HostRule | None = None
    levels: int | None = None
    permute_labels: bool = False
    inject: bool = True
    hidden: int = 0
    least_control: bool = False
    target_propagation: bool = False
    layer: Hidden | None = None
    feedback: str | None = None
    hidden_rate: float | None = None
    freeze_hidden: bool = False
    recurrent: bool = False
    freeze_recurrent: bool = False
    shuffle_feedback: bool = False
    mapping: str | None = None
    repair: bool = True
    silence_above: float | None = None
    start_from: str | None = None
    transfer: str | None = None
    regions: int = 0
    latches: tuple[str, ...] = ()
    dt: float = 5e-4

    @property
    def shape(self) -> tuple[int, int]:
        """Number of dies, and of noise seeds."""
        return len(self.chip_seeds), len(self.noise_seeds)


def place(settings: Settings) -> tuple[DeviceSpec, str]:
    """The device of an experiment, with the levels asked for, and where it learns.

    Raises
    ------
    UnknownNameError
        If the place is neither ``"chip"`` nor ``"host"``.
    InputError
        If the levels are not an odd number from 3 up to what the device holds.
    """
    where = settings.where
    if where is not None and where not in PLACES:
        raise UnknownNameError("place of learning", where, PLACES)
    device = load_device(settings.device or DEFAULT_DEVICE[where or "chip"])
    where = where or ("chip" if device.plastic else "host")
    return (_with_levels(device, settings.levels) if where == "chip" else device), where


def _with_levels(device: DeviceSpec, levels: int | None) -> DeviceSpec:
    """The device with plastic synapses of another resolution; their range, and the mean update, stay the same."""
    plastic = device.plastic
    if levels is None or plastic is None:
        return device
    check_levels(levels)
    coarser = plastic.code_max / (levels // 2)
    changed = replace(
        plastic,
        code_max=levels // 2,
        word_per_code=plastic.word_per_code * coarser,
        step_charge=plastic.step_charge * coarser,
    )
    return replace(device, plastic=changed, hash=content_hash({"device": device.hash, "levels": levels}))


def check_levels(levels: int) -> None:
    """Refuse a number of weight levels that has no zero in its middle.

    Raises
    ------
    InputError
        If it is even, or below 3 or above 2047.
    """
    if levels % 2 == 0 or not 3 <= levels <= 2047:
        raise InputError(f"{levels} weight levels: allowed an odd number from 3 to 2047, as many of either sign")


def chip_eta(settings: Settings) -> dict[str, float]:
    """Learning rate of the plastic synapses of every projection: the usual one of the task, unless told otherwise."""
    layer = hidden_layer(settings)
    eta = _usual_eta(settings) if settings.eta is None else settings.eta
    if layer is None:
        return {TRAINED: eta}
    etas = {TRAINED: eta, HIDDEN: 0.0 if settings.freeze_hidden else eta * layer.eta * ETA_NEURONS / layer.neurons}
    if layer.recurrent:
        etas[RECURRENT] = 0.0 if settings.freeze_recurrent else etas[HIDDEN]
    return etas


def chip_rules(settings: Settings) -> dict[str, PlasticityRule]:
    """Rule of the plastic synapses of every projection.

    Raises
    ------
    UnknownNameError
        If a layer or a rule does not exist.
    InputError
        If a rule is given where none acts, or for hidden neurons whose rate feedback does not move.
    """
    for name in settings.rules:
        if name not in RULED:
            raise UnknownNameError("layer", name, RULED)
    if settings.rules and place(settings)[1] == "host":
        raise InputError(
            "a host learns by the feedback that it estimates; --rule is of plastic synapses: use --device "
            "dynapse1-plastic, or dynapse1-extended"
        )
    rules = {name: plasticity_rule(settings.rules.get(name, FEEDBACK_RULE)) for name in RULED}
    device, where = place(settings)
    for rule in rules.values() if where == "chip" and device.plastic else ():
        rule.check(device)
    layer = hidden_layer(settings)
    if layer is None:
        if "hidden" in settings.rules:
            raise InputError("a rule of hidden synapses needs some: give --hidden, e.g. 120")
        return {TRAINED: rules["outputs"]}
    if rules["hidden"].terms.get("rate_change") and not layer.injected:
        raise InputError(
            f"rule {rules['hidden'].name} learns from how feedback moves the rate of hidden neurons, and it moves "
            "none: give --least-control, which injects it"
        )
    return {TRAINED: rules["outputs"], HIDDEN: rules["hidden"]} | (
        {RECURRENT: rules["hidden"]} if layer.recurrent else {}
    )


def _usual_eta(settings: Settings) -> float:
    if not settings.hidden and _is_traced(settings.rules):
        return TRACED_ETA
    if not settings.hidden:
        return CHIP_ETA.get(settings.task, DEFAULT_ETA)
    return CONTROLLED_ETA if settings.least_control else HIDDEN_ETA.get(settings.task, DEFAULT_HIDDEN_ETA)


def hidden_layer(settings: Settings) -> Hidden | None:
    """Recipe of the hidden layer of an experiment; None for one layer.

    Raises
    ------
    InputError
        If an ablation of a hidden layer is asked for without one; UnknownNameError for a feedback that does not exist.
    """
    if not settings.hidden:
        _refuse_without_layer(settings)
        return None
    layer = settings.layer or (CONTROLLED if settings.least_control else LAYERS).get(settings.task, Hidden(0))
    if settings.least_control and not layer.injected:
        raise InputError(f"least control has no recipe for {settings.task}; allowed {', '.join(CONTROLLED)}")
    layer = replace(
        layer,
        neurons=settings.hidden,
        feedback=_feedback(settings, layer),
        point=f"se2-{layer.point}" if _is_dynapse2(place(settings)[0]) else layer.point,
        rate=_hidden_rate(settings, layer),
        recurrent=layer.recurrent or settings.recurrent,
    )
    if settings.freeze_recurrent and not layer.recurrent:
        raise InputError("freezing recurrent synapses needs some: give --recurrent")
    return layer


def _refuse_without_layer(settings: Settings) -> None:
    if settings.target_propagation:
        raise InputError("target propagation is of a hidden layer: give --hidden, e.g. 120")
    if settings.least_control:
        raise InputError("least control is of a hidden layer: give --hidden, e.g. 120")
    if settings.recurrent or settings.freeze_recurrent:
        raise InputError("recurrent synapses are those of a hidden layer: give --hidden, e.g. 120")
    if settings.hidden_rate is not None:
        raise InputError("a rate of hidden neurons needs some: give --hidden, e.g. 120")
    if settings.freeze_hidden or settings.shuffle_feedback or settings.feedback:
        raise InputError(
            "freezing a hidden layer, and choosing or shuffling its feedback, needs one: give --hidden, e.g. 120"
        )


def _hidden_rate(settings: Settings, layer: Hidden) -> float | None:
    rate = layer.rate if settings.hidden_rate is None else settings.hidden_rate or None
    if rate is not None and not 0 < rate <= HIGHEST_RATE:
        raise InputError(f"hidden rate is {rate:g} Hz; allowed 0 to {HIGHEST_RATE:g} Hz, well below 1/t_ref")
    return rate


def _feedback(settings: Settings, layer: Hidden) -> str:
    asked = settings.feedback
    if asked is not None and asked not in FEEDBACKS:
        raise UnknownNameError("feedback", asked, FEEDBACKS)
    if not settings.target_propagation:
        return layer.feedback if asked is None else asked
    if settings.least_control:
        raise InputError("target propagation leaves the loop open, least control closes it; choose one of them")
    if asked not in (None, "inverse"):
        raise InputError(f"target propagation takes feedback 'inverse', not '{asked}'; leave --feedback out")
    return "inverse"


def output_latches(settings: Settings) -> tuple[str, ...]:
    """Latches of the output neurons and their trained synapses; in an open loop their feedback is apical."""
    return (*settings.latches, APICAL) if settings.target_propagation else settings.latches


def host_rule(settings: Settings) -> HostRule:
    """Numbers of the host's rule in an experiment: the usual ones of the task, unless told otherwise."""
    rule = settings.host or usual_host(settings.task, place(settings)[0], settings.hidden)
    if settings.eta is not None:
        rule = replace(rule, eta=settings.eta)
    if settings.freeze_hidden:
        rule = replace(rule, hidden=0.0)
    if settings.levels is not None:
        check_levels(settings.levels)
        rule = replace(rule, limit=settings.levels // 2)
    return rule


def usual_host(task: str, device: DeviceSpec | None = None, hidden: int = 0) -> HostRule:
    """Numbers of the host's rule that a task is trained with on a device, unless told otherwise."""
    if hidden:
        return HIDDEN_HOST_RULES.get(task, _HIDDEN_HOST)
    rule = HOST_RULES.get(task, HostRule())
    if not _is_dynapse2(device):
        return rule
    return replace(rule, eta=rule.eta / _SE2_CHARGE, limit=rule.limit and MASK_UNITS * rule.limit)


def usual_controller(task: str, where: str, device: DeviceSpec | None = None, hidden: int = 0) -> Controller:
    """Wiring recipe that a task is trained with at a place and on a device, unless told otherwise."""
    usual = _QUIET["chip"] if hidden else CONTROLLERS.get(task, {}).get(where, Controller())
    if not _is_dynapse2(device):
        return usual
    # A word of its gate weighs twice as much: the generator has no smaller gain that it could tell from its neighbours.
    points = {name: f"se2-{getattr(usual, name)}" for name in ("output_point", "controller_point")}
    return replace(usual, **points, gate_words=1)


def _is_dynapse2(device: DeviceSpec | None) -> bool:
    return device is not None and "dynapse2" in device.lineage


def usual(
    task: str, hidden: int = 0, least_control: bool = False, rules: Mapping[str, str | PlasticityRule] = _NO_RULES
) -> tuple[Budget, Schedule]:
    """Budget and schedule that a task is trained with, without or with hidden neurons, unless told otherwise."""
    if least_control:
        budget, schedule = _LEAST
    elif hidden:
        budget, schedule = DEEP.get(task, (_DEEPER, _LONG))
    else:
        budget, schedule = USUAL.get(task, (Budget(), Schedule()))
        if _is_traced(rules):
            budget, schedule = TRACED.get(task, (budget, schedule))
    if _is_traced(rules):
        schedule = replace(schedule, settle=max(schedule.settle, 0.1), decide=max(schedule.decide, 0.4))
    return budget, schedule


def usual_length(settings: Settings) -> tuple[Budget, Schedule]:
    """Budget and schedule of an experiment: those of its task, unless told otherwise."""
    budget, schedule = usual(settings.task, settings.hidden, settings.least_control, settings.rules)
    return settings.budget or budget, settings.schedule or schedule


def _is_traced(rules: Mapping[str, str | PlasticityRule]) -> bool:
    return any(plasticity_rule(rule).terms.get("rate_change") for rule in rules.values())
