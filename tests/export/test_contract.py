"""The contract: what it allows of the table of the design and beyond, and what it refuses, with the reason."""

import copy
import json

import pytest

from export import contract

SEED = LABEL = {"dtype": "int64", "shape": [-1]}
NUMBER = {"dtype": "float32", "shape": [-1]}
IMAGE = {"dtype": "float32", "shape": [-1, 21, 24, 3]}
LATENT = {"dtype": "float32", "shape": [-1, 5]}


def signature(inputs: dict, outputs: dict) -> dict:
    return {"inputs": inputs, "outputs": outputs}


RECONSTRUCT = signature({"image": IMAGE}, {"image": IMAGE})
SAMPLE = signature({"seed": SEED}, {"image": IMAGE})
DECODE = signature({"latent": LATENT}, {"image": IMAGE})
MOMENTS = signature({"image": IMAGE}, {"latent_mean": LATENT, "latent_stddev": LATENT})
DRAWN = signature({"image": IMAGE, "seed": SEED}, {"latent": LATENT, "log_density": NUMBER})
BOUND = signature({"image": IMAGE, "seed": SEED}, {"elbo": NUMBER, "log_likelihood": NUMBER})
EXACT = signature({"image": IMAGE}, {"log_likelihood": NUMBER})
DISCRIMINATE = signature({"image": IMAGE}, {"logit": NUMBER})


def facts(latent_dim=5, classes=(), **signatures) -> dict:
    """The facts of a model; the default signature is its first."""
    made = {"model": "m", "image_shape": [21, 24, 3], "latent_dim": latent_dim, "classes": list(classes)}
    if "seed" in signatures.get("score", {"inputs": {}})["inputs"]:
        made["score_samples"] = 64
    return made | {"signatures": {"serving_default": next(iter(signatures.values())), **signatures}}


def labelled(sides: dict) -> dict:
    return signature(sides["inputs"] | {"label": LABEL}, sides["outputs"])


VAE = facts(sample=SAMPLE, decode=DECODE, encode=MOMENTS, reconstruct=RECONSTRUCT, score=BOUND)
CVAE = facts(classes=("cat", "dog"), **{name: labelled(VAE["signatures"][name]) for name in ("sample", "score")})


@pytest.mark.parametrize(
    "allowed",
    [
        VAE,
        CVAE,
        facts(sample=SAMPLE, decode=DECODE, encode=DRAWN, reconstruct=RECONSTRUCT, score=BOUND),
        facts(sample=SAMPLE, decode=DECODE, discriminate=DISCRIMINATE),
        facts(classes=("cat", "dog"), sample=labelled(SAMPLE), discriminate=DISCRIMINATE),
        facts(reconstruct=RECONSTRUCT, decode=DECODE, encode=signature({"image": IMAGE}, {"latent": LATENT})),
        facts(sample=SAMPLE, decode=DECODE, encode=signature({"image": IMAGE}, {"logits": LATENT}), score=BOUND),
        facts(None, sample=SAMPLE, score=EXACT),
        facts(sample=SAMPLE, inpaint=signature({"image": IMAGE, "mask": IMAGE}, {"image": IMAGE, "steps": SEED})),
        facts(None, classify=signature({"image": IMAGE}, {"scores": {"dtype": "float32", "shape": [-1, 10]}})),
    ],
    ids=["vae", "cvae", "iaf_vae", "gan", "cgan", "autoencoder", "discrete_vae", "pixelcnn", "foreign", "no_sample"],
)
def test_the_signatures_of_the_design_and_foreign_ones_keep_the_contract(allowed):
    assert contract.violations(allowed) == []
    assert contract.violations(json.loads(json.dumps(allowed))) == []


def changed(base: dict, path: str, value) -> dict:
    """Facts with one value replaced, or removed where it is None; the path's words are apart by a slash."""
    made = copy.deepcopy(base)
    *before, last = path.split("/")
    place = made
    for word in before:
        place = place[word]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return made


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (
            changed(VAE, "signatures/score/inputs/seed", None),
            "score is {image} -> {elbo, log_likelihood}, the contract",
        ),
        (changed(VAE, "signatures/encode/outputs", {"latent_mean": LATENT}), "encode is {image} -> {latent_mean}, the"),
        (
            changed(VAE, "signatures/decode/inputs/latent/shape", [-1, 7]),
            "latent among the inputs of decode is float32",
        ),
        (changed(VAE, "signatures/score/outputs/elbo/shape", []), "elbo among the outputs of score is float32 []"),
        (
            changed(VAE, "signatures/decode/outputs/image/dtype", "float16"),
            "image among the outputs of decode is float1",
        ),
        (changed(VAE, "latent_dim", "5"), "latent_dim must be a number of dimensions or null"),
        (facts(None, sample=SAMPLE, decode=DECODE), "latent among the inputs of decode is a code, but latent_dim is"),
        (changed(VAE, "signatures/serving_default", DECODE), "serving_default is another signature than sample"),
        (facts(decode=DECODE, reconstruct=RECONSTRUCT), "serving_default is another signature than reconstruct"),
        (changed(VAE, "signatures/serving_default", None), "serving_default is missing"),
        (changed(VAE, "score_samples", None), "score_samples must be the number of samples of score"),
        (
            facts(None, sample=SAMPLE, score=EXACT) | {"score_samples": 64},
            "score_samples is stated, but score draws none",
        ),
        (
            changed(CVAE, "signatures/sample/inputs/label", None),
            "sample is {seed} -> {image}, the contract has {label, ",
        ),
        (changed(CVAE, "classes", []), "sample is {label, seed} -> {image}, the contract has {seed} -> {image}"),
        (facts(sample=SAMPLE, paint=labelled(SAMPLE)), "paint takes label, but classes is empty"),
        (changed(CVAE, "classes", ["cat", "cat"]), "classes must be a list of different names"),
        (changed(VAE, "image_shape", [28, 28]), "image_shape must be [height, width, channels]"),
        (changed(VAE, "signatures/sample/inputs", {}), "signatures must be named inputs and outputs"),
        (changed(VAE, "model", None), "model must be a name"),
        ([], "the facts must be an object"),
    ],
)
def test_what_breaks_the_contract_is_named(broken, reason):
    assert any(line.startswith(reason) for line in contract.violations(broken)), contract.violations(broken)


@pytest.mark.parametrize(
    "spec",
    [
        {"dtype": "float32", "shape": []},
        {"dtype": "float32", "shape": [8, 3]},
        {"dtype": "float32", "shape": [-1, -1]},
        {"dtype": "int32", "shape": [-1]},
        {"dtype": "string", "shape": [-1]},
    ],
)
def test_tensors_of_foreign_signatures_need_a_batch_axis_and_a_dtype_that_can_be_sent(spec):
    for side in ("inputs", "outputs"):
        foreign = facts(sample=SAMPLE, paint=signature({"image": IMAGE}, {"image": IMAGE}) | {side: {"mask": spec}})
        (line,) = contract.violations(foreign)
        assert line.startswith(
            f"mask among the {side} of paint is {spec['dtype']} {spec['shape']}, not float32 or int64"
        )
