"""Everything an experiment depends on; what is left open is as usual, see `chipemu.learning.recipes`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from chipemu.device import DeviceSpec, load_device
from chipemu.device_file import content_hash
from chipemu.errors import InputError, UnknownNameError
from chipemu.learning.circuit import TRAINED, Controller
from chipemu.learning.feedback import FEEDBACKS
from chipemu.learning.hidden import APICAL, HIDDEN, RECURRENT, Hidden
from chipemu.learning.recipes import (
    CHIP_ETA,
    CONTROLLED,
    CONTROLLED_ETA,
    DEFAULT_ETA,
    DEFAULT_HIDDEN_ETA,
    ETA_NEURONS,
    HIDDEN_ETA,
    LAYERS,
    TRACED_ETA,
    is_dynapse2,
    is_traced,
    usual,
    usual_host,
)
from chipemu.learning.rules import HostRule
from chipemu.learning.schedule import Schedule
from chipemu.learning.train import Budget
from chipemu.plasticity import FEEDBACK_RULE, PlasticityRule, plasticity_rule
from chipemu.temperature import ROOM

PLACES = ("chip", "host")
TRANSFERS = ("snn", "snn-mismatch")
RULED = ("outputs", "hidden")
HIGHEST_RATE = 200.0  # Hz, that hidden neurons are asked for
DEFAULT_DEVICE = {"chip": "dynapse1-plastic", "host": "dynapse1"}


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
    budget, schedule : how training goes; None takes the usual ones of the task, see `chipemu.learning.recipes`
    controller : wiring recipe of the controllers; None takes the usual one of task and place
    eta : learning rate; None takes the usual one of task and place
    rules : by layer, ``"outputs"`` or ``"hidden"``, how plastic synapses learn: a rule, or the name of one; a layer
        that is not named learns by the feedback current
    host : numbers of the host's rule; None takes the usual ones of the task
    levels : weight levels of a trained synapse, an odd number from 3; None takes what the device's plastic synapses
        hold, or at a host the limit of ``host``
    permute_labels : ablation: labels of train and validation are shuffled, anew for every run
    inject : False senses the feedback current without injecting it into the somata of any neuron, controllers included,
        which then no gate holds silent
    hidden : hidden neurons; 0 for one layer
    least_control : feedback is injected into hidden neurons, and they learn in the state that it brings about
    target_propagation : inverse feedback in an open loop, with hidden neurons: feedback moves neither them nor outputs;
        at a host controllers reach nothing on the die
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
    rules = {name: plasticity_rule(settings.rules.get(name, FEEDBACK_RULE)) for name in RULED}
    layer = hidden_layer(settings)
    _check_rules(settings, rules, layer)
    if layer is None:
        return {TRAINED: rules["outputs"]}
    within = {RECURRENT: rules["hidden"]} if layer.recurrent else {}
    return {TRAINED: rules["outputs"], HIDDEN: rules["hidden"]} | within


def _check_rules(settings: Settings, rules: Mapping[str, PlasticityRule], layer: Hidden | None) -> None:
    device, where = place(settings)
    if settings.rules and where == "host":
        raise InputError(
            "a host learns by the feedback that it estimates; --rule is of plastic synapses: use --device "
            "dynapse1-plastic, or dynapse1-extended"
        )
    for rule in rules.values() if where == "chip" and device.plastic else ():
        rule.check(device)
    if layer is None and "hidden" in settings.rules:
        raise InputError("a rule of hidden synapses needs some: give --hidden, e.g. 120")
    if layer is not None and rules["hidden"].reads("rate_change") and not layer.injected:
        raise InputError(
            f"rule {rules['hidden'].name} learns from how feedback moves the rate of hidden neurons, and it moves "
            "none: give --least-control, which injects it"
        )


def _usual_eta(settings: Settings) -> float:
    if not settings.hidden and is_traced(settings.rules):
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
        point=f"se2-{layer.point}" if is_dynapse2(place(settings)[0]) else layer.point,
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
    """Latches of the output neurons and their trained synapses; in an open loop synapses on the chip sense feedback
    that is apical, and a host reads it off the controllers, which reach nothing."""
    apical = settings.target_propagation and is_closed(settings)
    return (*settings.latches, APICAL) if apical else settings.latches


def is_closed(settings: Settings) -> bool:
    """Whether controllers reach their output neurons, with whatever effect."""
    return not settings.target_propagation or place(settings)[1] == "chip"


def host_rule(settings: Settings) -> HostRule:
    """Numbers of the host's rule in an experiment: the usual ones of the task, unless told otherwise."""
    rule = settings.host or usual_host(settings.task, place(settings)[0], settings.hidden, is_closed(settings))
    if settings.eta is not None:
        rule = replace(rule, eta=settings.eta)
    if settings.freeze_hidden:
        rule = replace(rule, hidden=0.0)
    if settings.levels is not None:
        check_levels(settings.levels)
        rule = replace(rule, limit=settings.levels // 2)
    return rule


def usual_length(settings: Settings) -> tuple[Budget, Schedule]:
    """Budget and schedule of an experiment: those of its task, unless told otherwise."""
    budget, schedule = usual(settings.task, settings.hidden, settings.least_control, settings.rules)
    schedule = settings.schedule or schedule
    if any(plasticity_rule(rule).throughout for rule in settings.rules.values()):
        schedule = replace(schedule, learn_throughout=True)
    return settings.budget or budget, schedule
