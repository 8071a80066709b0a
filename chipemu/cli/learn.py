"""`chipemu learn`: sample dies, calibrate, map, train, and test with the feedback off."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chipemu.cli.given import factors, items, quantity, rules, switched_off
from chipemu.cli.terminal import Json, check_output, note, print_json, progress
from chipemu.errors import InputError

if TYPE_CHECKING:
    from chipemu.learning.settings import Settings
    from chipemu.learning.train import Budget

MAX_SEED = 2**63 - 1
_GRID = 61  # points along a side of a map of decisions


class Place(StrEnum):
    """Where learning happens."""

    chip = "chip"
    host = "host"


class Spread(StrEnum):
    """Where the size of within-core mismatch comes from."""

    measured = "measured"
    geometry = "geometry"


class Corner(StrEnum):
    """Process corner of n- and p-channel transistors."""

    TT = "TT"
    SS = "SS"
    FF = "FF"
    SF = "SF"
    FS = "FS"


class Split(StrEnum):
    """What accuracy is reported on."""

    validation = "validation"
    test = "test"


class Feedback(StrEnum):
    """How feedback reaches a hidden layer."""

    fixed = "fixed"
    mirrored = "mirrored"
    inverse = "inverse"
    learned = "learned"


class FloatNetwork(StrEnum):
    """Which float network hands its weights over."""

    snn = "snn"
    snn_mismatch = "snn-mismatch"


class Gate(StrEnum):
    """When the learn-enable line rises."""

    wrong = "wrong"
    always = "always"


class Weights(StrEnum):
    """Whether the neurons of a unit learn one by one."""

    independent = "independent"
    tied = "tied"


Option = typer.Option


def learn(
    task: Annotated[
        str,
        typer.Argument(
            metavar="TASK", help="yinyang, binary, iris, breast-cancer, digits, mnist (a subset), delayed-cue"
        ),
    ],
    device: Annotated[str | None, Option(metavar="D", help="name or path; by default the usual one of --where")] = None,
    where: Annotated[Place | None, Option(help="by default on the chip if it has plastic synapses")] = None,
    chips: Annotated[int, Option(min=1, max=100_000, help="dies")] = 5,
    chip_seed: Annotated[
        list[int] | None, Option(metavar="S", min=0, max=MAX_SEED, help="seed of a die, instead of --chips; repeatable")
    ] = None,
    noise_seeds: Annotated[int, Option(min=1, max=10_000, help="noise seeds for each die")] = 1,
    seed: Annotated[int, Option(min=0, max=MAX_SEED, help="what all other seeds come from")] = 0,
    temperature: Annotated[str, Option(metavar="T", help="of the dies, e.g. 25degC")] = "25degC",
    mismatch_model: Annotated[
        Spread, Option(help="within-core spread as measured, or by the geometry of transistors (Pelgrom)")
    ] = Spread.measured,
    corner: Annotated[Corner, Option(help="process corner: typical, slow, fast; n then p")] = Corner.TT,
    calibrate_at: Annotated[
        str | None, Option(metavar="T", help="temperature of calibration; by default that of use")
    ] = None,
    leak_choice: Annotated[
        bool, Option("--leak-choice", help="calibration lets every neuron choose between two leak registers")
    ] = False,
    core_times: Annotated[
        bool, Option("--core-times", help="calibration also reads membranes: time constants of cores come together")
    ] = False,
    age: Annotated[str, Option(metavar="T", help="idle time between training and test, e.g. '1 week'")] = "0s",
    compensate: Annotated[
        bool, Option("--compensate", help="one gain a die against the drift of memristive weights over --age")
    ] = False,
    scale: Annotated[
        list[str] | None, Option(metavar="EFFECT=X", help="scale effects, e.g. mismatch=2,noise=0.5")
    ] = None,
    without: Annotated[
        list[str] | None, Option(metavar="EFFECT", help="switch effects off, e.g. noise,calibration")
    ] = None,
    only: Annotated[
        list[str] | None, Option(metavar="EFFECT", help="switch every other effect off; calibration stays")
    ] = None,
    split: Annotated[Split, Option(help="test opens the test split")] = Split.validation,
    presentations: Annotated[int | None, Option(min=1, max=10_000_000, help="training presentations of a run")] = None,
    checkpoints: Annotated[
        int | None, Option(min=1, max=10_000, help="validations during training; the best is kept")
    ] = None,
    gate: Annotated[
        Gate | None, Option(help="learn after a wrong decision, or always; by default as usual for the task")
    ] = None,
    weights: Annotated[Weights | None, Option(help="tied: one shadow weight a unit (at the host)")] = None,
    levels: Annotated[
        int | None, Option(min=3, max=2047, help="weight levels of a synapse, odd; by default those of device and task")
    ] = None,
    target_rate: Annotated[str | None, Option(metavar="R", help="asked of the right class, e.g. 40Hz")] = None,
    answer: Annotated[
        str | None,
        Option(metavar="T", help="answers are counted for this long, e.g. 0.6s; by default as in training"),
    ] = None,
    margin: Annotated[
        int | None,
        Option(metavar="N", min=0, max=10_000, help="a right decision with a smaller lead teaches too [spikes]"),
    ] = None,
    rule: Annotated[
        list[str] | None,
        Option(
            metavar="LAYER=RULE", help="of plastic synapses, e.g. outputs=differential-hebbian; by default feedback"
        ),
    ] = None,
    eta: Annotated[float | None, Option(min=0.0, help="learning rate; by default usual for task and place")] = None,
    permute_labels: Annotated[bool, Option("--permute-labels", help="ablation: shuffled labels, must fail")] = False,
    start_from: Annotated[
        str | None,
        Option("--from", metavar="F.h5", help="hand over trained weights; trains on only with --presentations"),
    ] = None,
    transfer: Annotated[
        FloatNetwork | None,
        Option(help="hand over a float spiking network, as designed or trained on virtual dies; see --from"),
    ] = None,
    mapping: Annotated[
        str | None, Option(metavar="M", help="saved placement: name or path; by default placed anew")
    ] = None,
    latch: Annotated[
        list[str] | None,
        Option(metavar="NAME", help="set in output neurons or trained synapses, e.g. alpha_ampa,stp (dynapse2)"),
    ] = None,
    no_repair: Annotated[
        bool, Option("--no-repair", help="leave the network on words, neurons and tags that are dead on a die")
    ] = False,
    silence_above: Annotated[
        str | None, Option(metavar="R", help="silence neurons that fire by themselves above this rate, e.g. 60Hz")
    ] = None,
    hidden: Annotated[int, Option(metavar="N", min=0, max=1000, help="trained hidden neurons, e.g. 120")] = 0,
    hidden_rate: Annotated[
        str | None,
        Option(metavar="R", help="mean rate hidden neurons are brought to before training, e.g. 40Hz; 0Hz leaves them"),
    ] = None,
    feedback: Annotated[
        Feedback | None,
        Option(
            help="hidden feedback: random signs, or rewritten by the host: as the outputs' codes, their inverse, or as "
            "learned from noise"
        ),
    ] = None,
    recurrent: Annotated[bool, Option("--recurrent", help="hidden neurons also read one another")] = False,
    least_control: Annotated[
        bool, Option("--least-control", help="feedback is injected into hidden neurons (yinyang)")
    ] = False,
    target_propagation: Annotated[
        bool,
        Option("--target-propagation", help="feedback to hidden neurons is inverse, and moves no neuron"),
    ] = False,
    freeze_hidden: Annotated[
        bool, Option("--freeze-hidden", help="ablation: the hidden layer keeps its random first weights")
    ] = False,
    freeze_recurrent: Annotated[
        bool, Option("--freeze-recurrent", help="ablation: recurrent synapses keep their random first weights")
    ] = False,
    shuffle_feedback: Annotated[
        bool,
        Option("--shuffle-feedback", help="ablation: hidden feedback has random signs at every presentation"),
    ] = False,
    no_inject: Annotated[bool, Option("--no-inject", help="ablation: feedback is sensed but not injected")] = False,
    out: Annotated[Path | None, Option(metavar="F.h5", help="write everything measured as HDF5")] = None,
    figure: Annotated[
        Path | None, Option(metavar="F.png", help="draw the learning curve, or with --from the cost of cloning")
    ] = None,
    regions: Annotated[
        Path | None,
        Option(metavar="F.png", help="draw decisions in the plane of yinyang"),
    ] = None,
    as_json: Json = False,
) -> None:
    """The main job: draw dies, calibrate and map, train each by feedback control, test with the feedback off."""
    started = time.perf_counter()
    from chipemu.figures import FORMATS

    check_output(out)
    check_output(figure, FORMATS)
    check_output(regions, FORMATS)
    if eta is not None and not math.isfinite(eta):
        raise InputError(f"--eta {eta}: allowed 0 and above, finite")
    rate = quantity(target_rate, "Hz", "--target-rate")
    settings = _settings(
        task=task,
        device=device,
        where=where.value if where else None,
        seed=seed,
        without=switched_off(items(without), items(only)),
        scale=factors(scale),
        split=split.value,
        temperature=quantity(temperature, "K", "--temperature"),
        leak_choice=leak_choice,
        core_times=core_times,
        calibrate_at=quantity(calibrate_at, "K", "--calibrate-at"),
        mismatch_model=mismatch_model.value,
        corner=corner.value,
        age=quantity(age, "s", "--age"),
        compensate=compensate,
        eta=eta,
        rules=rules(rule),
        permute_labels=permute_labels,
        inject=not no_inject,
        hidden=hidden,
        feedback=feedback.value if feedback else None,
        hidden_rate=quantity(hidden_rate, "Hz", "--hidden-rate"),
        least_control=least_control,
        target_propagation=target_propagation,
        freeze_hidden=freeze_hidden,
        recurrent=recurrent,
        freeze_recurrent=freeze_recurrent,
        shuffle_feedback=shuffle_feedback,
        regions=_GRID if regions else 0,
        latches=tuple(items(latch)),
        repair=not no_repair,
        silence_above=quantity(silence_above, "Hz", "--silence-above"),
        mapping=mapping,
        levels=levels,
        start_from=start_from,
        transfer=transfer.value if transfer else None,
        numbers=(chips, noise_seeds),
        chip_seeds=tuple(chip_seed or ()),
        budget={"presentations": presentations, "checkpoints": checkpoints},
        schedule={
            "gated": gate and gate is Gate.wrong,
            "target_rate": rate,
            "margin": margin,
            "answer": quantity(answer, "s", "--answer"),
        },
        weights=weights.value if weights else None,
    )
    _run(settings, out, {"learned": figure, "regions": regions}, as_json, started)


def _run(settings: Settings, out: Path | None, drawn: dict, as_json: bool, started: float) -> None:
    from chipemu import figures, storage
    from chipemu.cli.summary import print_summary, summary
    from chipemu.learning import experiment

    device, place = experiment.place(settings)
    with progress(quiet=as_json) as tick:
        result = experiment.learn(settings, tick)
    if out is not None:
        storage.save(result, out)
        note(f"written: {out}")
    learned = figures.clone_cost if settings.start_from else figures.learning_curve
    for draw, path in ((learned, drawn["learned"]), (figures.decision_regions, drawn["regions"])):
        if path is not None:
            figures.save_figure(draw(result), path)
            note(f"written: {path}")
    facts = summary(result, settings, device.name, place, time.perf_counter() - started)
    if as_json:
        print_json(facts)
    else:
        print_summary(facts)


def _settings(*, numbers, chip_seeds, budget, schedule, weights, **chosen) -> Settings:
    """Settings of the experiment; what was not given stays as usual for the task."""
    from chipemu.learning.recipes import usual
    from chipemu.learning.settings import Settings, host_rule
    from chipemu.seeds import CHIPS, NOISE, seeds

    usual_budget, usual_schedule = usual(chosen["task"], chosen["hidden"], chosen["least_control"], chosen["rules"])
    settings = Settings(
        **chosen,
        chip_seeds=chip_seeds or seeds(chosen["seed"], numbers[0], CHIPS),
        noise_seeds=seeds(chosen["seed"], numbers[1], NOISE),
        budget=_budget(_handed_over(usual_budget, chosen["start_from"] or chosen["transfer"]), **budget),
        schedule=replace(usual_schedule, **_given(schedule)),
    )
    return replace(settings, host=replace(host_rule(settings), weights=weights)) if weights else settings


def _handed_over(usual: Budget, start_from: str | None) -> Budget:
    """Weights that are handed over are used as they are, unless presentations are asked for."""
    return usual if start_from is None else replace(usual, presentations=0)


def _given(numbers: dict) -> dict:
    return {name: number for name, number in numbers.items() if number is not None}


def _budget(usual: Budget, presentations: int | None, checkpoints: int | None) -> Budget:
    presentations = usual.presentations if presentations is None else presentations
    if checkpoints is None:
        checkpoints = max(1, min(usual.checkpoints, presentations))
    if checkpoints > presentations > 0:
        raise InputError(
            f"--checkpoints {checkpoints} is more than --presentations {presentations}; allowed one a presentation"
        )
    return replace(usual, presentations=presentations, checkpoints=checkpoints)
