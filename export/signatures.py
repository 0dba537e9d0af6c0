"""The signatures of a model as graphs: pure functions of a batch, every row of it its own.

What a model can do decides which signatures it gets, so a new entry of the zoo is served without a word here.
"""

import math

import tensorflow as tf

from export import contract
from tfgen import seeds

CAPABILITIES = ("latent_dim", "conditional", "posterior", "score", "logit")


def capabilities(model) -> dict:
    """What `contract.signatures` asks of a `tfgen.Model`."""
    posterior = "draw" if hasattr(model, "draw_posterior") else "moments" if hasattr(model, "posterior") else None
    return {
        "latent_dim": int(model.latent_dim),
        "conditional": bool(model.conditional),
        "posterior": posterior,
        "score": hasattr(model, "streamed_bound"),
        "logit": hasattr(model, "discriminate"),
    }


def save(model, path, score_samples: int) -> None:
    """Writes a model as a SavedModel: a thin module of its variables, each once, and its signatures.

    Args:
        model: a `tfgen.Model` with trained weights.
        path: the directory to write.
        score_samples: K of the importance-weighted bound that `score` answers.
    """
    module = tf.Module(name=model.entry)
    module.weights = [weight.value for weight in model.weights]
    functions = _functions(model, score_samples)
    table = contract.signatures(**capabilities(model))
    served = {name: _concrete(functions[name], table[name]) for name in functions if name in table}
    tf.saved_model.save(module, str(path), signatures={contract.DEFAULT: served["sample"], **served})


def _functions(model, score_samples: int) -> dict:
    """Every signature the contract knows, as a function of tensors; only those a model is capable of get traced."""

    def sample(seed, **given):
        return {"image": model.image_mean(model.draw_prior(seed), **given)}

    def decode(latent, **given):
        return {"image": model.image_mean(latent, **given)}

    def encode(image, **given):
        posterior = model.posterior(image, **given)
        return {"latent_mean": posterior.mean(), "latent_stddev": posterior.stddev()}

    def encode_draw(image, seed, **given):
        latent, log_density = model.draw_posterior(image, seed, **given)
        return {"latent": latent, "log_density": log_density}

    def reconstruct(image, **given):
        return {"image": model.image_mean(model.centre(image, **given), **given)}

    def score(image, seed, **given):
        noise = seeds.normal_rows([model.latent_dim], seed)[None]  # [1, B, Z]
        distortion, rate = model.elbo_terms(image, noise, **given)
        return {
            "elbo": -(distortion + rate),
            "log_likelihood": model.streamed_bound(image, seed, score_samples, **given),
        }

    def discriminate(image):
        return {"logit": model.logit(image)}

    return {
        "sample": sample,
        "decode": decode,
        "encode": encode_draw if hasattr(model, "draw_posterior") else encode,
        "reconstruct": reconstruct,
        "score": score,
        "discriminate": discriminate,
    }


def _concrete(function, signature: dict):
    """Traces a function with a signature's named inputs, and gives its outputs the contract's static shapes."""

    def served(**inputs):
        # A server does not compare shapes, and [1, 2 Z] codes would be taken for [2, Z] ones further down.
        inputs = {name: tf.ensure_shape(value, specs[name].shape) for name, value in inputs.items()}
        digit = inputs.get("digit")
        if digit is not None:
            known = (digit >= 0) & (digit < contract.CLASSES)
            inputs["digit"] = tf.where(known, digit, 0)
        outputs = function(**inputs)
        for name, spec in signature["outputs"].items():
            if digit is not None:
                rows = tf.reshape(known, [-1] + [1] * (len(spec["shape"]) - 1))
                outputs[name] = tf.where(rows, outputs[name], math.nan)
            outputs[name].set_shape(_shape(spec))
        return outputs

    specs = {name: tf.TensorSpec(_shape(spec), spec["dtype"], name) for name, spec in signature["inputs"].items()}
    return tf.function(served, autograph=False).get_concrete_function(**specs)


def _shape(spec: dict) -> list:
    return [None if size < 0 else size for size in spec["shape"]]
