"""What a hostile server answers, in terms of signatures and tensors: the same for REST and gRPC.

LISTINGS: name -> the JSON of a SignatureDefMap that breaks the contract. ANSWERS: name -> (signature, name -> array)
that breaks it, where `HONEST` is what was listed.
"""

import copy

import numpy as np

SHAPE, DIM, ROWS = [16, 16, 1], 4, 4


def tensor(*sizes, dtype="DT_FLOAT") -> dict:
    return {"dtype": dtype, "tensor_shape": {"dim": [{"size": str(size)} for size in (-1, *sizes)]}}


SEED = LABEL = tensor(dtype="DT_INT64")
IMAGE, CODE, NUMBER = tensor(*SHAPE), tensor(DIM), tensor()
SAMPLE = {"inputs": {"seed": SEED, "label": LABEL}, "outputs": {"image": IMAGE}}
ENCODE = {"inputs": {"image": IMAGE, "label": LABEL}, "outputs": {"latent_mean": CODE, "latent_stddev": CODE}}
COUNT = {"inputs": {"image": IMAGE}, "outputs": {"ink": LABEL, "share": NUMBER}}  # a signature beyond the contract
LARGE = {"inputs": {"seed": SEED}, "outputs": {"numbers": tensor(2**17)}}  # of four rows as large as an answer may be
HONEST = {"serving_default": SAMPLE, "sample": SAMPLE, "encode": ENCODE, "count": COUNT, "large": LARGE}


def listing(**changes) -> dict:
    """The honest listing with some signatures changed, or left out where they are None."""
    return {"signature_def": {name: each for name, each in (HONEST | changes).items() if each is not None}}


def default(sample: dict) -> dict:
    return listing(serving_default=sample, sample=sample)


def with_output(spec: dict) -> dict:
    return listing(count={"inputs": COUNT["inputs"], "outputs": {"ink": spec}})


LISTINGS = {
    "no signature": {"signature_def": {}},
    "only a hidden one": {"signature_def": {"__saved_model_init_op": SAMPLE}},
    "no default": listing(serving_default=None),
    "another default": listing(serving_default=ENCODE),
    "sample without a seed": default({"inputs": {"label": LABEL}, "outputs": {"image": IMAGE}}),
    "sample without an image": default({"inputs": SAMPLE["inputs"], "outputs": {"picture": IMAGE}}),
    "sample with another output": default({"inputs": SAMPLE["inputs"], "outputs": {"image": IMAGE, "x": NUMBER}}),
    "sample without outputs": default({"inputs": SAMPLE["inputs"], "outputs": {}}),
    "sample without inputs": default({"inputs": {}, "outputs": SAMPLE["outputs"]}),
    "seed of floats": default({"inputs": {"seed": NUMBER, "label": LABEL}, "outputs": {"image": IMAGE}}),
    "image of integers": default({"inputs": SAMPLE["inputs"], "outputs": {"image": tensor(*SHAPE, dtype="DT_INT64")}}),
    "image of rank 2": default({"inputs": SAMPLE["inputs"], "outputs": {"image": tensor(16, 16)}}),
    "images of two shapes": listing(count={"inputs": {"image": tensor(8, 8, 1)}, "outputs": {"ink": LABEL}}),
    "codes of two sizes": listing(
        encode={"inputs": ENCODE["inputs"], "outputs": ENCODE["outputs"] | {"latent": NUMBER}}
    ),
    "encode of one moment": listing(encode={"inputs": ENCODE["inputs"], "outputs": {"latent_mean": CODE}}),
    "score without a bound": listing(score={"inputs": ENCODE["inputs"], "outputs": {"elbo": NUMBER}}),
    "a scalar": with_output({"dtype": "DT_FLOAT", "tensor_shape": {}}),
    "a fixed batch": with_output({"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "8"}]}}),
    "a free dimension": with_output(tensor(-1)),
    "an empty dimension": with_output(tensor(0)),
    "a negative dimension": with_output(tensor(-7)),
    "no rank": with_output({"dtype": "DT_FLOAT", "tensor_shape": {"unknown_rank": True}}),
    "many dimensions": with_output(tensor(*[2] * 200)),
    "a dimension of 2**31": with_output(tensor(2**31)),
    "a dimension of 2**62": with_output(tensor(2**62)),
    "a product of 2**80": with_output(tensor(2**20, 2**20, 2**20, 2**20)),
    "an image of 2**31 pixels": {
        "signature_def": {
            name: {"inputs": {"seed": SEED}, "outputs": {"image": tensor(2**15, 2**16, 1)}}
            for name in ("serving_default", "sample")
        }
    },
    "a million numbers per row": with_output(tensor(1000, 1000)),
    "many tensors": listing(count={"inputs": COUNT["inputs"], "outputs": {f"ink{n}": LABEL for n in range(100)}}),
    "many signatures": listing(**{f"count{number}": COUNT for number in range(1000)}),
    "a long name": listing(**{"x" * 5000: COUNT}),
    "a name of control characters": listing(**{"\x1b[2J" * 40: COUNT}),
    **{
        f"an output of {dtype}": with_output(tensor(dtype=dtype))
        for dtype in (
            "DT_INVALID",
            "DT_DOUBLE",
            "DT_STRING",
            "DT_RESOURCE",
            "DT_VARIANT",
            "DT_COMPLEX64",
            "DT_FLOAT_REF",
        )
    },
}


def made(signature: str, rows: int = ROWS) -> dict:
    """The honest answer."""
    outputs = {}
    for name, spec in HONEST[signature]["outputs"].items():
        sizes = [int(dim["size"]) for dim in spec["tensor_shape"]["dim"]][1:]
        outputs[name] = np.full([rows, *sizes], 0.5, np.float32)
        if spec["dtype"] == "DT_INT64":
            outputs[name] = np.full([rows, *sizes], 3, np.int64)
    return outputs


def changed(signature: str, name: str, index, value) -> tuple:
    """The honest answer with some numbers changed."""
    answer = copy.deepcopy(made(signature))
    answer[name][index] = value
    return signature, answer


NAN, INFINITY = np.float32("nan"), np.float32("inf")
ANSWERS = {
    "nothing": ("encode", {}),
    "one output of two": ("encode", {"latent_mean": made("encode")["latent_mean"]}),
    "an output too many": ("encode", made("encode") | {"more": np.zeros(ROWS, np.float32)}),
    "another name": ("encode", {"latent_mean": made("encode")["latent_mean"], "stddev": made("encode")["latent_mean"]}),
    "the answer of another signature": ("encode", made("count")),
    "no rows": ("sample", made("sample", 0)),
    "a row too few": ("sample", made("sample", ROWS - 1)),
    "a row too many": ("sample", made("sample", ROWS + 1)),
    "one row for all": ("sample", made("sample", 1)),
    "rows of one output only": ("encode", made("encode") | {"latent_stddev": made("encode", 1)["latent_stddev"]}),
    "many rows": ("sample", made("sample", 2000)),
    "no channel": ("sample", {"image": made("sample")["image"][..., 0]}),
    "three channels": ("sample", {"image": made("sample")["image"].repeat(3, -1)}),
    "another size": ("sample", {"image": made("sample")["image"][:, :8]}),
    "pixels in a row": ("sample", {"image": made("sample")["image"].reshape(ROWS, -1)}),
    "one axis more": ("sample", {"image": made("sample")["image"][None]}),
    "a scalar": ("sample", {"image": np.float32(0.5)}),
    "codes of another size": ("encode", made("encode") | {"latent_mean": np.zeros((ROWS, DIM + 1), np.float32)}),
    "floats for integers": ("count", made("count") | {"ink": np.full(ROWS, 0.25, np.float32)}),
    "all NaN": ("sample", {"image": np.full_like(made("sample")["image"], NAN)}),
    "a pixel of NaN": changed("sample", "image", (1, 2, 3, 0), NAN),
    "a pixel of infinity": changed("sample", "image", (1, 2, 3, 0), INFINITY),
    "a pixel of minus infinity": changed("sample", "image", (1, 2, 3, 0), -INFINITY),
    "a pixel of 2": changed("sample", "image", (1, 2, 3, 0), 2),
    "a pixel of -1": changed("sample", "image", (1, 2, 3, 0), -1),
    "a row of NaN for label 0": changed("sample", "image", 0, NAN),
    "a row of NaN for a label below others": changed("sample", "image", 2, NAN),
    "a row of NaN in one output": changed("encode", "latent_mean", 3, NAN),
    "a stddev of infinity": changed("encode", "latent_stddev", (0, 0), INFINITY),
    "a row of NaN without a label": changed("count", "share", 0, NAN),
}
