"""Float references of a task: what a linear read-out and a small network reach without a chip.

``python -m chipemu.baselines --write`` recomputes all of them and rewrites data/reference/baselines.csv.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from chipemu import library
from chipemu.errors import InputError, UnknownNameError
from chipemu.tasks import Task, load_folds, names

ANN_SEEDS = (0, 1, 2)
COLUMNS = ("task", "model", "split", "accuracy", "tolerance", "seeds", "source")
CSV_NAME = "reference/baselines.csv"

# Tolerance of a recomputed accuracy [1]. The linear references are deterministic up to ties; the ANN depends on the
# order of floating-point sums, so another BLAS takes another path to an equally good minimum.
TOLERANCE = {"least_squares": 0.002, "softmax": 0.005, "linear": 0.005, "ann": 0.01}
_PENALTIES = (1e6, 1e3, 1e2, 1e1, 1.0, 0.1)  # inverse strength, none to strong

# Kriener et al. 2022, arXiv:2102.08211: mean and spread over 20 runs on the test split.
_PUBLISHED = {("yinyang", "softmax"): "64.3 +- 0.2 %", ("yinyang", "ann"): "98.7 +- 0.3 %"}


def least_squares(task: Task) -> dict[str, float]:
    """Accuracy of the linear read-out (with bias) that fits one-hot targets best in the least-squares sense.

    This is the fixed point of the delta rule, hence of the plain feedback-control rule with one layer.

    Parameters
    ----------
    task : Task
        Trained on its train split.

    Returns
    -------
    dict of split to float
        Accuracy [1].

    Examples
    --------
    >>> from chipemu.tasks import load_task
    >>> least_squares(load_task("binary"))["test"]
    1.0
    """
    x, y = task.splits["train"]
    weights, *_ = np.linalg.lstsq(_with_constant(x), np.eye(task.n_classes)[y], rcond=None)
    return {
        split: float(np.mean((_with_constant(x) @ weights).argmax(axis=1) == y))
        for split, (x, y) in task.splits.items()
    }


def softmax(task: Task) -> dict[str, float]:
    """Accuracy of softmax regression at the minimum of its cross-entropy: one layer, trained by gradient.

    Parameters
    ----------
    task : Task
        Trained on its train split, full batch, to convergence, practically without penalty.

    Returns
    -------
    dict of split to float
        Accuracy [1].

    Examples
    --------
    >>> from chipemu.tasks import load_task
    >>> softmax(load_task("binary"))["test"]
    1.0
    """
    from sklearn.linear_model import LogisticRegression

    return _scores(LogisticRegression(C=1e6, max_iter=5000, tol=1e-8), task)


def linear(task: Task) -> dict[str, float]:
    """Accuracy of the best linear classifier: softmax regression with the penalty that does best on validation.

    What a chip with one layer is compared with. Receptive fields change nothing: together the neurons of a unit see
    every source.

    Parameters
    ----------
    task : Task
        Trained on its train split, for each of a few penalties; ties go to the weaker one.

    Returns
    -------
    dict of split to float
        Accuracy [1].

    Examples
    --------
    >>> from chipemu.tasks import load_task
    >>> linear(load_task("binary"))["test"]
    1.0
    """
    from sklearn.linear_model import LogisticRegression

    fits = [_scores(LogisticRegression(C=c, max_iter=5000, tol=1e-6), task) for c in _PENALTIES]
    return max(fits, key=lambda scores: scores["validation"])


def ann(task: Task, hidden: int = 120, epochs: int = 300, *, seed: int = 0) -> dict[str, float]:
    """Accuracy of a network with one hidden ReLU layer: Adam, learning rate 1e-3, batches of 20, no penalty.

    Parameters
    ----------
    task : Task
        Trained on its train split; about 20 s for `yinyang`.
    hidden : int
        Number of hidden units.
    epochs : int
        Number of passes through the train split; all of them are made.
    seed : int
        Seed of initial weights and of the order of presentations.

    Returns
    -------
    dict of split to float
        Accuracy [1] after the last epoch.

    Examples
    --------
    >>> from chipemu.tasks import load_task
    >>> ann(load_task("binary"), hidden=4, epochs=50)["test"] > 0.9
    True
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    network = MLPClassifier(
        (hidden,),
        solver="adam",
        learning_rate_init=1e-3,
        batch_size=20,
        max_iter=epochs,
        n_iter_no_change=epochs,
        alpha=0.0,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # A fixed number of epochs is the recipe, so reaching it is not worth a warning.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return _scores(network, task)


def _scores(model: Any, task: Task) -> dict[str, float]:
    """Fit a scikit-learn classifier on the train split and score every split."""
    from threadpoolctl import threadpool_limits

    # One thread: matrices of 20 x 120 are faster that way, and the result does not depend on the machine's core count.
    with threadpool_limits(1):
        model.fit(*task.splits["train"])
        return {split: float(model.score(x, y)) for split, (x, y) in task.splits.items()}


def _with_constant(x: np.ndarray) -> np.ndarray:
    return np.column_stack([x, np.ones(len(x))])


def compute(task_names: Sequence[str] | None = None, ann_seeds: Sequence[int] = ANN_SEEDS) -> list[dict[str, str]]:
    """Compute the rows of the table of references.

    Parameters
    ----------
    task_names : sequence of str, optional
        All tasks when not given.
    ann_seeds : sequence of int
        Seeds of the network; its accuracy is the median over them.

    Returns
    -------
    list of dict
        One row for each task, model and split, with the keys `COLUMNS`, as text.
    """
    rows = []
    for name in task_names or names():
        folds = load_folds(name)
        runs = [_over_folds(lambda task, seed=seed: ann(task, seed=seed), folds) for seed in ann_seeds]
        by_model = {
            "least_squares": ([_over_folds(least_squares, folds)], ""),
            "softmax": ([_over_folds(softmax, folds)], ""),
            "linear": ([_over_folds(linear, folds)], ""),
            "ann": (runs, " ".join(str(seed) for seed in ann_seeds)),
        }
        rows += [
            _row(name, model, split, median(scores[split] for scores in results), seeds)
            for model, (results, seeds) in by_model.items()
            for split in folds[0].splits
        ]
    return rows


def _over_folds(model: Callable[[Task], dict[str, float]], folds: Sequence[Task]) -> dict[str, float]:
    """Accuracy of a model on all presentations of a split, each fold trained by itself."""
    scores = [model(task) for task in folds]
    sizes = {split: [len(task.splits[split][1]) for task in folds] for split in folds[0].splits}
    return {
        split: sum(score[split] * size for score, size in zip(scores, sizes[split], strict=True)) / sum(sizes[split])
        for split in sizes
    }


def _row(task: str, model: str, split: str, accuracy: float, seeds: str) -> dict[str, str]:
    published = _PUBLISHED.get((task, model)) if split == "test" else None
    source = "computed by python -m chipemu.baselines"
    if published:
        source += f"; published {published} (arXiv:2102.08211)"
    values = (task, model, split, f"{accuracy:.4f}", f"{TOLERANCE[model]:g}", seeds, source)
    return dict(zip(COLUMNS, values, strict=True))


def stored(task_name: str, split: str = "test") -> dict[str, float]:
    """Return the references kept in data/reference/baselines.csv, so that a run need not recompute them.

    Parameters
    ----------
    task_name : str
        Name of the task.
    split : str
        Split they are measured on.

    Returns
    -------
    dict of model name to float
        Accuracy [1] of `least_squares`, `softmax`, `linear` and `ann`.

    Raises
    ------
    UnknownNameError
        If the file holds no such task or split.

    Examples
    --------
    >>> sorted(stored("yinyang"))
    ['ann', 'least_squares', 'linear', 'softmax']
    """
    rows = list(csv.DictReader(io.StringIO(library.find_data(CSV_NAME))))
    for kind, key, value in (("task", "task", task_name), ("split", "split", split)):
        known = {row[key] for row in rows}
        if value not in known:
            raise UnknownNameError(kind, value, sorted(known), where=f"data/{CSV_NAME}")
    return {row["model"]: float(row["accuracy"]) for row in rows if row["task"] == task_name and row["split"] == split}


def write(rows: Sequence[dict[str, str]], path: Path) -> None:
    """Write the table of references as CSV, whole or not at all.

    Parameters
    ----------
    rows : sequence of dict
        Rows of `compute`.
    path : Path
        File to replace.

    Raises
    ------
    InputError
        If the folder does not exist.
    """
    if not path.parent.is_dir():
        raise InputError(f"{path.parent} is not a folder; run this in a checkout of chipemu.")
    temporary = path.with_suffix(".csv.tmp")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    os.replace(temporary, path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table of references, and write it if asked; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m chipemu.baselines", description=main.__doc__)
    parser.add_argument("--write", action="store_true", help=f"rewrite data/{CSV_NAME} of this checkout")
    parser.add_argument("--task", action="append", choices=names(), help="only this task, printed and not written")
    options = parser.parse_args(arguments)
    if options.write and options.task:
        parser.error("--write needs all tasks: leave out --task")
    rows = compute(options.task)
    _print_table(rows)
    if options.write:
        try:
            write(rows, Path(__file__).resolve().parents[1] / "data" / CSV_NAME)
        except InputError as error:
            print(error, file=sys.stderr)
            return error.exit_code
    return 0


def _print_table(rows: Sequence[dict[str, str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("task", "model", "split", "accuracy", "seeds")
    for row in rows:
        table.add_row(row["task"], row["model"], row["split"], f"{float(row['accuracy']):.1%}", row["seeds"])
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
