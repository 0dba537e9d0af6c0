"""Diagnosis: which number of which step was the first that is not finite.

Training is a function of (checkpoint, step), so that it can be run again. A first pass makes single steps from the last
good checkpoint until a metric or a weight is not finite; a second one stops before that step and looks inside it.
"""

import contextlib
import dataclasses
import shutil
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfgen import files
from tfgen.storage import runs
from tfgen.training import loop as training_loop


@dataclasses.dataclass(frozen=True)
class Fault:
    """The first thing that was not finite.

    Attributes:
        step: counted from 1.
        cause: in words: a loss, or a gradient or weight with its network and variable.
        rows: of the step's batch in the training split, int32 [B].
    """

    step: int
    cause: str
    rows: np.ndarray

    def __str__(self):
        return f"step {self.step}: {self.cause}"


def diagnose(error: training_loop.NonFiniteError, checkpoint) -> Fault:
    """Runs a training again from its last good checkpoint and finds what went wrong first.

    The model is left behind as it was before the faulty step. On several devices nothing is run again, and a fault is
    what the training met.
    """
    loop, start = error.loop, checkpoint.state.epoch * error.loop.steps_per_epoch
    if loop.strategy.num_replicas_in_sync > 1:
        return Fault(error.step, str(error).partition(": ")[2], loop.rows_of(_only(error.step - 1))[0])
    checkpoint.restore(loop.model)
    step = next((step for step in range(start, error.step) if not _is_good_after(loop, step)), error.step - 1)
    checkpoint.restore(loop.model)
    for good in range(start, step):
        loop.advance(_only(good))
    rows = loop.rows_of(_only(step))[0]
    return Fault(step + 1, _first_cause(loop, rows, step) or str(error).partition(": ")[2], rows)


def keep(run: Path, fault: Fault, train, checkpoint) -> Path:
    """Writes a fault's batch to `RUN/faults/step-N.npz` (rows, images, labels), its checkpoint beside it."""
    folder = run / runs.FAULTS
    folder.mkdir(exist_ok=True)
    for part in (checkpoint.path, checkpoint.path.with_suffix(".json")):
        with files.replacing(folder / part.name) as temporary:
            shutil.copyfile(part, temporary)
    path = folder / f"step-{fault.step}.npz"
    with files.replacing(path) as temporary:
        np.savez(temporary, rows=fault.rows, images=train.images[fault.rows], labels=train.labels[fault.rows])
    return path


def variable_names(model) -> dict[int, str]:
    """The id of each of a model's variables -> `network/layer/variable`."""
    names = {}
    for attribute, value in vars(model).items():
        networks = value if isinstance(value, list | tuple) else [value]
        for i, network in enumerate(networks):
            if isinstance(network, keras.Layer) and not attribute.startswith("_"):
                place = f"{attribute}[{i}]" if network is not value else attribute
                names |= {id(variable): f"{place}/{variable.path}" for variable in network.weights}
    return names


def _only(step: int) -> range:
    return range(step, step + 1)


def _is_good_after(loop, step: int) -> bool:
    sums, _ = loop.advance(_only(step))
    return all(np.isfinite(list(sums.values()))) and bool(loop.weights_are_finite())


def _first_cause(loop, rows, step: int) -> str:
    """The first loss, gradient or weight of a step that is not finite; "" if they all are."""
    names, watched = variable_names(loop.model), []

    def look(step, rows, *streamed):
        watched.clear()
        with _watching(loop.model, watched):
            metrics = loop.step(rows, step, *streamed)
        events = [(f"{name} is {{}}", metric) for name, metric in metrics.items()]
        events = watched + events if loop.model.optimizers else events + watched
        wrong = [tf.reduce_all(tf.math.is_finite(value)) for _, value in events]
        values = [tf.reduce_sum(value) for _, value in events]
        watched[:] = [words for words, _ in events]
        return wrong, values

    compiled = tf.function(look, autograph=False, jit_compile=training_loop.uses_xla(loop.model))
    finite, values = compiled(tf.constant(step), *loop.placed(rows))
    for words, good, value in zip(watched, finite, values, strict=True):
        if not good:
            return words.format(float(value))
    for variable in loop.model.weights:
        if not np.isfinite(variable.numpy()).all():
            return f"the weight {names.get(id(variable), variable.path)} is not finite after the update"
    return ""


@contextlib.contextmanager
def _watching(model, events: list):
    """Notes the losses and gradients of one step, in their order: (words, tensor).

    Adversarial models hand their losses to `descend`, every model its gradients to its optimisers.
    """
    names = variable_names(model)
    optimizers = list((model.optimizers or {"": model.optimizer}).values())

    def descend(phase, tape, loss, *arguments, **options):
        events.append((f"the loss of phase {phase} is {{}}", loss))
        type(model).descend(model, phase, tape, loss, *arguments, **options)

    def noting(optimizer):
        def apply(gradients, variables, **options):
            for gradient, variable in zip(gradients, variables, strict=True):
                name = names.get(id(variable), variable.path)
                events.append((f"the gradient of {name} is not finite", gradient))
            return type(optimizer).apply(optimizer, gradients, variables, **options)

        return apply

    with contextlib.ExitStack() as restored:
        for watched, name, method in [(model, "descend", descend), *((o, "apply", noting(o)) for o in optimizers)]:
            object.__setattr__(watched, name, method)
            restored.callback(object.__delattr__, watched, name)
        yield
