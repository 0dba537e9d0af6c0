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
import re
import zipfile
from pathlib import Path
from typing import Annotated

import numpy as np
import pydantic

from tfgen import files
from tfgen.storage import manifest, runs, schemas

KEPT = 2
BEST = "best"
FILE = re.compile(r"epoch-\d{5,9}\.(json|npz)")
LARGEST = 4 * manifest.LARGEST  # bytes of the variables: weights, the moments of an optimiser, and the best weights
Natural = Annotated[int, pydantic.Field(ge=0, le=10**9)]


@pydantic.dataclasses.dataclass(config=schemas.Schema.model_config)
class State:
    """Where a training stands, beside its variables.

    Attributes:
        epoch: epochs done.
        best: lowest value of the model's `monitor`; best_epoch: its epoch.
        history: a row per epoch, as in history.csv.
        speeds: images/s of each epoch.
        seconds: that the processes so far took.
        halvings: how often the learning rate was halved after a fault.
        warned: the warnings given so far, each of which is given once.
    """

    epoch: Natural = 0
    best: float = float("inf")
    best_epoch: Natural = 0
    history: list[schemas.Numbers] = dataclasses.field(default_factory=list)
    speeds: list[float] = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    halvings: Natural = 0
    warned: list[str] = dataclasses.field(default_factory=list)


class Written(schemas.Schema):
    """The JSON file of a checkpoint."""

    sha256: schemas.Sha256
    state: State


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
        values = self.check(model)
        for name, variable in _variables(model).items():
            variable.assign(values[name])

    def check(self, model) -> dict:
        """The arrays, by name. Raises ValueError unless they are those of a model and of its built optimisers."""
        values, expected = self._arrays(), {name: _kind(variable) for name, variable in _variables(model).items()}
        if {name: _kind(value) for name, value in values.items() if name != BEST} != expected or BEST not in values:
            raise ValueError(f"checkpoint {str(self.path)!r} is not of this model: it has other variables")
        return values

    def rewind(self, run: Path) -> None:
        """Puts the weights of the best epoch and the history back to what they were."""
        with manifest.replacing(run / runs.WEIGHTS) as temporary:
            temporary.write_bytes(self._arrays()[BEST].tobytes())
        if self.state.history:
            runs.write_history(run, self.state.history)
        else:
            (run / runs.HISTORY).unlink(missing_ok=True)

    def _arrays(self):
        try:
            with zipfile.ZipFile(io.BytesIO(self.content)) as members:
                if any(member.compress_type != zipfile.ZIP_STORED for member in members.infolist()):
                    raise ValueError("it is compressed")
            with np.load(io.BytesIO(self.content), allow_pickle=False) as arrays:
                return dict(arrays)
        except Exception as error:  # NumPy raises errors of many kinds for a damaged file
            raise ValueError(f"checkpoint {str(self.path)!r} holds no arrays: {error}") from error


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


def newest(run: Path, note, model=None, epochs: int | None = None) -> Checkpoint | None:
    """The newest checkpoint that is whole; None if there is none at all.

    Args:
        run: the run directory.
        note: takes a line about each one that is damaged.
        model: whose variables, and those of its built optimisers, it must have, if given.
        epochs: of the whole training, which it cannot be beyond, if given.

    Raises:
        ValueError: there are checkpoints, all damaged.
    """
    paths = _listed(run / runs.CHECKPOINTS)[::-1]
    for path in paths:
        try:
            return _read(path, model, epochs)
        except (OSError, ValueError) as error:
            note(f"note: checkpoint {str(path)!r} is damaged ({error}); looking for the one before it")
    if paths:
        raise ValueError(f"every checkpoint in {str(run / runs.CHECKPOINTS)!r} is damaged")
    return None


def _read(path: Path, model, epochs: int | None) -> Checkpoint:
    written = files.read(path.with_suffix(".json"), schemas.LARGEST)
    schemas.check(written, Written, path.with_suffix(".json"))
    record, content = json.loads(written), files.read(path, LARGEST)
    if _digest(content, record["state"]) != record["sha256"]:
        raise ValueError("SHA-256 mismatch")
    state = State(**record["state"])
    checkpoint = Checkpoint(path, state, content)
    if state.epoch != _epoch(path) or len(state.history) != state.epoch or state.best_epoch > state.epoch:
        raise ValueError(f"its state is that of epoch {state.epoch} with a history of {len(state.history)}")
    if epochs is not None and state.epoch > epochs:
        raise ValueError(f"it is of epoch {state.epoch}, the training has {epochs}")
    if model is not None:
        checkpoint.check(model)
    return checkpoint


def _listed(folder: Path) -> list[Path]:
    """The npz files of a folder's checkpoints, oldest first."""
    paths = (path.with_suffix(".npz") for path in folder.glob("epoch-*.json") if FILE.fullmatch(path.name))
    return sorted(paths, key=_epoch)


def _epoch(path: Path) -> int:
    return int(path.stem.removeprefix("epoch-"))


def _prune(folder: Path, epoch: int) -> None:
    """Keeps the last two checkpoints up to an epoch; later ones were damaged and have been left behind."""
    kept = [path.stem for path in _listed(folder) if _epoch(path) <= epoch][-KEPT:]
    for path in sorted(folder.glob("epoch-*")):  # .json comes before .npz: what loses its state is not a checkpoint
        if path.stem not in kept and FILE.fullmatch(path.name) and not path.is_dir():
            path.unlink()


def _kind(array) -> tuple:
    return tuple(array.shape), str(np.dtype(array.dtype))


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
