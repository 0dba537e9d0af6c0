"""The contract: which signatures a served model may have, with the names, dtypes and shapes of their tensors.

A version states what it has in signatures.json, its facts:

    model           the model's name
    image_shape     [H, W, C]
    latent_dim      dimensions Z of the code, or null for a model without one
    classes         the names of the classes, in order; [] for a model that takes no label
    score_samples   samples K behind the log-likelihood of `score`; only where `score` draws samples
    signatures      name -> {"inputs": {name: {"dtype", "shape"}}, "outputs": {the same}}

The leading axis of every tensor is the batch, -1. No tensor is a scalar, so that a server may merge requests.
"""

import math
import re
from pathlib import Path

from export import limits
from tfgen import checks, files

FILE = "signatures.json"
DEFAULT = "serving_default"  # the signature of a request that names none

SIGNATURES = {  # name -> the pairs of (inputs, outputs) that it may have; a conditional model takes `label` as well
    "sample": [({"seed"}, {"image"})],
    "decode": [({"latent"}, {"image"})],
    "encode": [
        ({"image"}, {"latent_mean", "latent_stddev"}),
        ({"image", "seed"}, {"latent", "log_density"}),
        ({"image"}, {"latent"}),
        ({"image"}, {"logits"}),
    ],
    "reconstruct": [({"image"}, {"image"})],
    "score": [({"image", "seed"}, {"elbo", "log_likelihood"}), ({"image"}, {"log_likelihood"})],
    "discriminate": [({"image"}, {"logit"})],
    "complete": [({"damaged", "seed"}, {"image"})],
}
UNLABELLED = ("discriminate", "complete")  # does not take `label`, whatever the model
CODES = ("latent", "latent_mean", "latent_stddev", "logits")
NUMBERS = ("log_density", "elbo", "log_likelihood", "logit")  # nats, but for the logit
DTYPES = ("float32", "int64")
FACTS = ("model", "image_shape", "latent_dim", "classes", "signatures")
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")  # of a model, a signature, a tensor


class ContractError(ValueError):
    """A model cannot be served as it is; says why."""


def read(version: Path) -> dict:
    """The facts of a version.

    Raises:
        FileNotFoundError: there are none. ValueError: they are damaged, or break the contract.
    """
    return parse(files.read(version / FILE, limits.FILES[FILE]))


def changes(before: Path, after: Path) -> list[str]:
    """The signatures that two versions do not have alike, and `classes` if these differ; [] if one is damaged."""
    try:
        old, new = read(before), read(after)
    except (OSError, ValueError):
        return []
    names = sorted({*old["signatures"], *new["signatures"]})
    found = [name for name in names if old["signatures"].get(name) != new["signatures"].get(name)]
    return found + ["classes"] * (old["classes"] != new["classes"])


def parse(content: bytes) -> dict:
    """The facts that a file holds. Raises limits.RefusedError if it is damaged, or if they break the contract."""
    facts = limits.json_object(content, FILE)
    if broken := violations(facts):
        raise limits.RefusedError(f"{FILE} breaks the contract: {checks.shortened('; '.join(broken[:3]), 300)}")
    return facts


def tensors(facts: dict) -> dict:
    """What each tensor name means for a model: name -> {"dtype", "shape"}. Other names mean what a model says."""
    known = {
        "seed": {"dtype": "int64", "shape": [-1]},  # row seeds
        "label": {"dtype": "int64", "shape": [-1]},  # from 0 on; one of no class gives a row of NaN
        "image": {"dtype": "float32", "shape": [-1, *facts["image_shape"]]},  # in [0, 1]; another gives a row of NaN
    }
    known |= {name: {"dtype": "float32", "shape": [-1]} for name in NUMBERS}
    if facts["latent_dim"] is not None:
        known |= {name: {"dtype": "float32", "shape": [-1, facts["latent_dim"]]} for name in CODES}
    return known


def violations(facts) -> list[str]:
    """Where the facts of a version break the contract, a line each; none if they keep it.

    A signature that the contract does not name, as models of other packages may have, is free in its tensors as long as
    each has the batch as its leading axis, fixed sizes after it, no more numbers per row than `limits.NUMBERS`, and
    dtype float32 or int64; names that the contract knows mean the same everywhere.
    """
    malformed = _malformed(facts)
    if malformed:
        return malformed  # what follows would make no sense
    found, known = [], tensors(facts)
    for name, sides in facts["signatures"].items():
        for side, specs in sides.items():
            for key, spec in specs.items():
                place = f"{key} among the {side} of {name}"
                if key in CODES and key not in known:
                    found.append(f"{place} is a code, but latent_dim is null")
                elif key in known and spec != known[key]:
                    found.append(f"{place} is {text(spec)}, the contract has {text(known[key])}")
                elif not _may_be_served(spec):
                    found.append(f"{place} is {text(spec)}, not float32 or int64 [-1, ...] with fixed sizes after it")
        found += _names(name, sides, conditional=bool(facts["classes"]))
    return found + _default(facts["signatures"]) + _score_samples(facts)


def served(signatures: dict) -> list[str]:
    """Where the signatures that a server lists break the contract; what facts it does not tell is read off them."""
    named = [each for sides in signatures.values() for specs in sides.values() for each in specs.items()]
    shapes = [spec["shape"] for key, spec in named if key == "image"]
    codes = [spec["shape"] for key, spec in named if key in CODES]
    facts = {
        "model": "served",
        "image_shape": shapes[0][1:] if shapes else [1, 1, 1],
        "latent_dim": codes[0][1] if codes and len(codes[0]) == 2 else None,
        "classes": ["0"] if any(key == "label" for key, _ in named) else [],
        "signatures": signatures,
    }
    if "seed" in signatures.get("score", {}).get("inputs", {}):
        facts["score_samples"] = 1
    return violations(facts)


def text(spec: dict) -> str:
    """A tensor in words: float32 [-1, 28, 28, 1]."""
    return f"{spec['dtype']} {spec['shape']}"


def _malformed(facts) -> list[str]:
    """What is missing in facts, or of another type than the contract has."""
    if not isinstance(facts, dict):
        return ["the facts must be an object"]
    shape, dim, classes = (facts.get(name) for name in ("image_shape", "latent_dim", "classes"))
    signatures = facts.get("signatures")
    unknown = set(facts) - {*FACTS, "score_samples"}
    rules = {
        f"{', '.join(sorted(unknown))[:100]} is not part of it": not unknown,
        "model must be a name": _named(facts.get("model")),
        "image_shape must be [height, width, channels]": isinstance(shape, list | tuple)
        and len(shape) == 3
        and all(map(_positive, shape))
        and math.prod(shape) <= limits.NUMBERS,
        "latent_dim must be a number of dimensions or null": "latent_dim" in facts
        and (dim is None or (_positive(dim) and dim <= limits.NUMBERS)),
        "classes must be a list of different names": isinstance(classes, list | tuple)
        and len(classes) <= limits.CLASSES
        and all(isinstance(name, str) for name in classes)
        and len(set(classes)) == len(classes),
        "signatures must be named inputs and outputs with dtype and shape": isinstance(signatures, dict)
        and len(signatures) <= limits.SIGNATURES
        and all(map(_named, signatures))
        and all(map(_is_signature, signatures.values())),
    }
    return [rule for rule, kept in rules.items() if not kept]


def _is_signature(sides) -> bool:
    if not isinstance(sides, dict) or set(sides) != {"inputs", "outputs"}:
        return False
    if not all(isinstance(specs, dict) and 0 < len(specs) <= limits.SIGNATURES for specs in sides.values()):
        return False
    if not all(_named(name) for specs in sides.values() for name in specs):
        return False
    return all(
        isinstance(spec, dict) and set(spec) == {"dtype", "shape"} and isinstance(spec["shape"], list)
        for specs in sides.values()
        for spec in specs.values()
    )


def _may_be_served(spec: dict) -> bool:
    shape = spec["shape"]
    sizes = shape[1:]
    fixed = shape[:1] == [-1] and len(sizes) < 16 and all(map(_positive, sizes))
    return spec["dtype"] in DTYPES and fixed and math.prod(sizes) <= limits.NUMBERS


def _names(signature: str, sides: dict, conditional: bool) -> list[str]:
    """Whether a signature that the contract names has one of its pairs of inputs and outputs."""
    label = {"label"} if conditional and signature not in UNLABELLED else set()
    pairs = [(inputs | label, outputs) for inputs, outputs in SIGNATURES.get(signature, ())]
    if pairs and (set(sides["inputs"]), set(sides["outputs"])) not in pairs:
        allowed = " or ".join(f"{_listed(inputs)} -> {_listed(outputs)}" for inputs, outputs in pairs)
        return [f"{signature} is {_listed(sides['inputs'])} -> {_listed(sides['outputs'])}, the contract has {allowed}"]
    if "label" in sides["inputs"] and not conditional:
        return [f"{signature} takes label, but classes is empty"]
    return []


def _default(signatures: dict) -> list[str]:
    """`serving_default` is `sample`, or what a model that does not sample has in its place."""
    if DEFAULT not in signatures:
        return [f"{DEFAULT} is missing"]
    same = next((name for name in ("sample", "reconstruct", "complete") if name in signatures), DEFAULT)
    return [] if signatures[DEFAULT] == signatures[same] else [f"{DEFAULT} is another signature than {same}"]


def _score_samples(facts: dict) -> list[str]:
    if "seed" not in facts["signatures"].get("score", {}).get("inputs", {}):
        return ["score_samples is stated, but score draws none"] if "score_samples" in facts else []
    return [] if _positive(facts.get("score_samples")) else ["score_samples must be the number of samples of score"]


def _positive(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31


def _named(value) -> bool:
    return isinstance(value, str) and NAME.fullmatch(value) is not None


def _listed(names) -> str:
    return "{" + ", ".join(sorted(names)) + "}"
