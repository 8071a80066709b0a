"""Weights that one die learned, given to another."""

import numpy as np

from chipemu import storage
from chipemu.errors import InputError
from chipemu.learning.feedback import FOLLOWING, following_feedback
from chipemu.learning.hidden import FEEDBACK, HIDDEN, RECURRENT, TRAINED
from chipemu.learning.session import Session
from chipemu.tasks import Task
from chipemu.weight_memory import TrainedImage

_VARIABLES = {TRAINED: "weight", HIDDEN: "weight_hidden", RECURRENT: "weight_recurrent"}


def cloned(image: TrainedImage, n_noise_seeds: int) -> TrainedImage:
    """The images of all runs, each moved to the next die; the last die's go to the first.

    Parameters
    ----------
    image : of every run, ordered by die, then by noise seed
    n_noise_seeds : runs of each die
    """
    weights = {name: np.roll(held, n_noise_seeds, axis=0) for name, held in image.weights.items()}
    return TrainedImage(weights, None if image.slots is None else np.roll(image.slots, n_noise_seeds, axis=0))


def read_image(path: str, task: Task, session: Session) -> TrainedImage:
    """The weights of a result file's best run, by validation accuracy, for every run of a session.

    Parameters
    ----------
    path : HDF5 file of ``chipemu learn --out``
    task, session : what they will be used for

    Raises
    ------
    InputError
        If the file cannot be read, was trained on another task, or its weights do not fit the circuit or the device.
    """
    dataset = storage.load(path)
    if dataset.attrs.get("task") != task.name:
        raise InputError(f"{path} was trained on task '{dataset.attrs.get('task')}', not on '{task.name}'")
    missing = [name for name in ("weight", "accuracy_validation") if name not in dataset]
    if missing:
        raise InputError(f"{path} holds no {' and no '.join(missing)}; give a file of chipemu learn --out")
    weight = dataset["weight"]
    if "fold" in weight.dims:
        raise InputError(
            f"{path} holds {weight.sizes['fold']} sets of weights, one a fold of '{task.name}'; hand over weights of a "
            "task with one fixed split, e.g. digits"
        )
    circuit = session.circuit
    chip, noise = np.unravel_index(int(dataset["accuracy_validation"].values.argmax()), weight.shape[:2])
    image = {}
    for projection in circuit.trained:
        table, shape = dataset.get(_VARIABLES[projection.name]), (projection.post.n, projection.pre.n)
        if table is None or table.shape[2:] != shape:
            held = "none" if table is None else table.shape[2:]
            raise InputError(f"{path} holds {projection.name} {held} (neuron, sender); this circuit has {shape}")
        flat = circuit.flat_weights(table.values[chip, noise], projection.name)
        _check_range(flat, path, session)
        image[projection.name] = np.tile(flat, (session.n_runs, 1))
    return TrainedImage(image | beside_feedback(session, image), None)


def beside_feedback(session: Session, image: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Feedback beside weights that are handed over: what follows them is set after them, the rest stays as it is.

    Where controllers reach no hidden neuron there is none on the die.
    """
    if not session.circuit.feedback_on_die:
        return {}
    if session.circuit.hidden.feedback in FOLLOWING:
        return following_feedback(session.circuit, image)
    held = session.emulator.weights()
    return {name: held[name] for name in FEEDBACK.values()}


def _check_range(flat: np.ndarray, path: str, session: Session) -> None:
    """Refuse weights that the device cannot hold as they are: rounded or clipped ones would be other weights."""
    device = session.emulator.mapped.device
    whole = np.isfinite(flat).all() and (flat == np.rint(flat)).all()
    if device.weights != "float" and not whole:
        raise InputError(f"{path} holds fractional weights; {device.name} holds whole numbers ({device.path})")
    if device.plastic is not None and np.abs(flat).max(initial=0) > device.plastic.code_max:
        raise InputError(
            f"{path} holds codes up to {np.abs(flat).max():g}; {device.name} holds up to {device.plastic.code_max} "
            f"({device.path}, plastic.code_max)"
        )
