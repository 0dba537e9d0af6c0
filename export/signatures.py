"""The signatures of a model as graphs: pure functions of a batch, every row of it its own.

`Model.signatures()` says which signatures a model has, so a new one is served without a word here.
"""

import math

from export import contract
from tfgen.quiet import tf

CHECKED = ("image", "label")
NO_ANSWER = {"float32": math.nan, "int64": -1}  # to a label of no class, and to pixels outside [0, 1]


def describe(model, table: dict, score_samples: int) -> dict:
    """The facts of a model, as `contract` describes them.

    Args:
        model: a `tfgen.Model`.
        table: its signatures, name -> `tfgen.models.signatures.Signature`.
        score_samples: K of `score`.
    """
    facts = {
        "model": model.entry,
        "image_shape": [int(size) for size in model.image_shape],
        "latent_dim": None if model.latent_dim is None else int(model.latent_dim),
        "classes": list(model.class_names) if model.conditional else [],
    }
    if "score" in table and "seed" in table["score"].inputs:
        facts["score_samples"] = score_samples
    sides = {name: {"inputs": each.inputs, "outputs": each.outputs} for name, each in table.items()}
    return facts | {"signatures": _plain(sides)}


def save(model, table: dict, path) -> None:
    """Writes a model as a SavedModel: a thin module of its variables, each once, and its signatures.

    Args:
        model: a `tfgen.Model` with trained weights.
        table: its signatures, name -> `tfgen.models.signatures.Signature`.
        path: the directory to write.

    Raises:
        ContractError: a signature's function returns other tensors than the signature promises, or this process has
            settings of TensorFlow's optimiser, which every call in the graph would carry to the server.
    """
    if settings := _optimizer_settings():
        raise contract.ContractError(
            f"tf.config.optimizer is set in this process ({', '.join(settings)}), and a graph that is saved keeps "
            "that: export in a process without it"
        )
    module = tf.Module(name=model.entry)
    module.weights = [weight.value for weight in model.weights]
    tf.saved_model.save(module, str(path), signatures=concrete(model, table))


def _optimizer_settings() -> list[str]:
    """What a user has set of `tf.config.optimizer`, as `name=value`; two options stand there unset, as False."""
    unset = {"disable_model_pruning": False, "disable_meta_optimizer": False, "jit": ""}
    found = tf.config.optimizer.get_experimental_options() | {"jit": tf.config.optimizer.get_jit()}
    return [f"{name}={value}" for name, value in found.items() if unset.get(name, ...) != value]


def concrete(model, table: dict) -> dict:
    """The signatures of a model as concrete functions, by name. Raises ContractError as `save` does."""
    traced, served = {}, {}
    for name, signature in table.items():
        if signature.function not in traced:  # serving_default is another name of sample
            traced[signature.function] = function(model, name, signature).get_concrete_function()
        served[name] = traced[signature.function]
    return served


def function(model, name: str, signature):
    """A signature as a `tf.function` of its named inputs, whose outputs have their static shapes."""
    specs = {key: tf.TensorSpec(_shape(spec), spec["dtype"], key) for key, spec in signature.inputs.items()}
    classes = len(model.class_names)

    def served(*tensors):
        # A server does not compare shapes, and [1, 2 Z] codes would be taken for [2, Z] ones further down.
        inputs = {
            key: tf.ensure_shape(value, spec.shape) for (key, spec), value in zip(specs.items(), tensors, strict=True)
        }
        right = {key: _right_rows(key, inputs[key], classes) for key in CHECKED if key in inputs}  # bool [B] each
        inputs |= {key: _where(rows, inputs[key], 0) for key, rows in right.items()}
        outputs = dict(signature.function(**inputs))
        _check(name, outputs, signature.outputs)
        if "latent" in inputs:  # NaN, infinity, and codes so large that the answer overflows
            right["finite"] = _finite_rows(inputs["latent"], *outputs.values())
        for key, spec in signature.outputs.items():
            for rows in right.values():
                outputs[key] = _where(rows, outputs[key], NO_ANSWER[spec["dtype"]])
            outputs[key].set_shape(_shape(spec))
        return outputs

    return tf.function(served, input_signature=list(specs.values()), autograph=False)


def _right_rows(key: str, value, classes: int):
    """Which rows of an input a model can answer, bool [B]: a graph cannot refuse the others by an error."""
    if key == "label":
        return (value >= 0) & (value < classes)
    return tf.reduce_all((value >= 0) & (value <= 1), axis=list(range(1, len(value.shape))))  # NaN is neither


def _finite_rows(*tensors):
    """Which rows of tensors [B, ...] hold finite numbers only, bool [B]; those of integers are none to look at."""
    floats = [value for value in tensors if value.dtype.is_floating]
    rows = [tf.reduce_all(tf.math.is_finite(value), axis=list(range(1, len(value.shape)))) for value in floats]
    return tf.reduce_all(tf.stack(rows), axis=0)


def _where(rows, value, other):
    """The rows [B] of a tensor, and a constant in place of the others."""
    return tf.where(tf.reshape(rows, [-1] + [1] * (len(value.shape) - 1)), value, tf.constant(other, value.dtype))


def _check(name: str, outputs: dict, specs: dict) -> None:
    """Raises ContractError unless outputs have the names, dtypes and shapes that a signature promises."""
    if set(outputs) != set(specs):
        raise contract.ContractError(
            f"{name} returns {', '.join(sorted(outputs))}; its signature has {', '.join(sorted(specs))}"
        )
    for key, spec in specs.items():
        found = outputs[key]
        if found.dtype != spec["dtype"] or not found.shape.is_compatible_with(_shape(spec)):
            returned = f"{found.dtype.name} {[-1 if size is None else size for size in found.shape]}"
            raise contract.ContractError(f"{key} of {name} is {returned}, its signature has {contract.text(spec)}")


def _shape(spec: dict) -> list:
    return [None if size < 0 else size for size in spec["shape"]]


def _plain(content):
    """A nest of dictionaries as JSON gives it back: tuples become lists."""
    if isinstance(content, dict):
        return {name: _plain(value) for name, value in content.items()}
    return [int(size) for size in content] if isinstance(content, list | tuple) else content
