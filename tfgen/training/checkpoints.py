"""Checkpoints: all that a training needs to resume as if it had never stopped, in `RUN/checkpoints`.

epoch-00012.npz     the variables of the model and of its optimisers, and the weights file of the best epoch so far
epoch-00012.json    where the training stands, and the SHA-256 of it and of the variables

Noise, the order of the data, warm-up and learning rates need no place here: they follow from the run's seed and the
step.
The JSON file is written last, so that a checkpoint without it does not exist; the last two are kept.
"""

import dataclasses
import hashlib
import io
import json
from pathlib import Path

import numpy as np

from tfgen import files
from tfgen.storage import manifest, runs

KEPT = 2
BEST = "best"


@dataclasses.dataclass
class State:
    """Where a training stands, beside its variables.

    Attributes:
        epoch: epochs done.
        best: lowest value of the model's `monitor`; best_epoch: its epoch.
        history: a row an epoch, as in history.csv.
        rates: images/s of each epoch.
        seconds: that the processes so far took.
        halvings: how often the learning rate was halved after a fault.
        warned: the warnings given so far, each of which is given once.
    """

    epoch: int = 0
    best: float = float("inf")
    best_epoch: int = 0
    history: list[dict] = dataclasses.field(default_factory=list)
    rates: list[float] = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    halvings: int = 0
    warned: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was found whole: its state, and its arrays as the bytes of an npz file."""

    path: Path
    state: State
    content: bytes

    def restore(self, model) -> None:
        """Gives a model and its built optimisers the variables that they had.

        Raises:
            ValueError: the model is another one.
        """
        values, variables = self._arrays(), _variables(model)
        if {name: variable.shape for name, variable in variables.items()} != {
            name: value.shape for name, value in values.items() if name != BEST
        }:
            raise ValueError(f"checkpoint {str(self.path)!r} is not of this model: it has other variables")
        for name, variable in variables.items():
            variable.assign(values[name])

    def rewind(self, run: Path) -> None:
        """Puts the weights of the best epoch and the history back to what they were."""
        with manifest.replacing(run / runs.WEIGHTS) as temporary:
            temporary.write_bytes(self._arrays()[BEST].tobytes())
        if self.state.history:
            runs.write_history(run, self.state.history)
        else:
            (run / runs.HISTORY).unlink(missing_ok=True)

    def _arrays(self):
        with np.load(io.BytesIO(self.content), allow_pickle=False) as arrays:
            return dict(arrays)


def write(run: Path, model, state: State) -> None:
    """Writes the checkpoint of the epoch that `state` stands at, and removes all but the last two."""
    folder = run / runs.CHECKPOINTS
    folder.mkdir(exist_ok=True)
    values = {name: variable.numpy() for name, variable in _variables(model).items()}
    stream = io.BytesIO()
    np.savez(stream, **values, **{BEST: np.frombuffer((run / runs.WEIGHTS).read_bytes(), np.uint8)})
    path = folder / f"epoch-{state.epoch:05d}.npz"
    files.write_bytes(path, stream.getbuffer())
    write_state(path, state, stream.getbuffer())
    _prune(folder, state.epoch)


def write_state(path: Path, state: State, content) -> None:
    """Writes the JSON file of a checkpoint whose arrays are written."""
    fields = dataclasses.asdict(state)
    files.write_json(path.with_suffix(".json"), {"sha256": _digest(content, fields), "state": fields})


def newest(run: Path, note) -> Checkpoint | None:
    """The newest checkpoint that is whole; None if there is none at all.

    Args:
        run: the run directory.
        note: takes a line about each one that is damaged.

    Raises:
        ValueError: there are checkpoints, all damaged.
    """
    paths = _listed(run / runs.CHECKPOINTS)[::-1]
    for path in paths:
        try:
            return _read(path)
        except (OSError, ValueError, KeyError, TypeError) as error:
            note(f"note: checkpoint {str(path)!r} is damaged ({error}); looking for the one before it")
    if paths:
        raise ValueError(f"every checkpoint in {str(run / runs.CHECKPOINTS)!r} is damaged")
    return None


def _read(path: Path) -> Checkpoint:
    record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    content = path.read_bytes()
    if _digest(content, record["state"]) != record["sha256"]:
        raise ValueError("SHA-256 mismatch")
    return Checkpoint(path, State(**record["state"]), content)


def _listed(folder: Path) -> list[Path]:
    """The npz files of a folder's checkpoints, oldest first."""
    return sorted(path.with_suffix(".npz") for path in folder.glob("epoch-*.json"))


def _prune(folder: Path, epoch: int) -> None:
    """Keeps the last two checkpoints up to an epoch; later ones were damaged and have been left behind."""
    kept = {path.stem for path in _listed(folder) if int(path.stem.removeprefix("epoch-")) <= epoch}
    kept = sorted(kept)[-KEPT:]
    for path in sorted(folder.glob("epoch-*")):  # .json comes before .npz: what loses its state is no checkpoint
        if path.stem not in kept:
            path.unlink()


def _variables(model) -> dict:
    """The variables of a model and of its optimisers, by names that do not depend on what else was built before.

    The learning rate is left out: it follows from the recipe and from the halvings.
    """
    optimizers = model.optimizers or {"optimizer": model.optimizer}
    groups = {"model": model.weights}
    for name, optimizer in optimizers.items():
        groups[name] = [variable for variable in optimizer.variables if variable.name != "learning_rate"]
    return {f"{name}/{i}": variable for name, group in groups.items() for i, variable in enumerate(group)}


def _digest(content, fields: dict) -> str:
    digest = hashlib.sha256(content)
    digest.update(json.dumps(fields, sort_keys=True).encode())
    return digest.hexdigest()
