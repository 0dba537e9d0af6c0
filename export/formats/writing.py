"""What a folder of converted signatures holds, and how it is made: whole and proved, or not at all.

decode.tflite, ...    a file for each signature
model.json            shapes, classes, inputs and outputs; of each file size, loss and latency; what is not converted
golden.npz            golden requests and Python's answers
codes.npy             codes of seeds 0 to 255, whose images `model.sample` draws; of a model that decodes
README.md             how to run it
manifest.json         size and SHA-256 of every other file
"""

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from export import contract, golden, manifest, signatures
from export.formats import litert, onnx, options, readme
from tfgen import commandline
from tfgen.quiet import tf
from tfgen.seeds import row_seeds

FILE, CODES = "model.json", "codes.npy"
SEEDS = 256
LIMITS = {"float16": 0.01, "int8": 0.25}  # of the loss, beyond which a signature is left out
SEEDED = "its draws from a seed exist in TensorFlow alone"
INSTEAD = "decode codes of the prior (codes.npy)"
CONVERTERS = {"litert": litert.converted, "onnx": onnx.converted}
MADE_WITH = ("tensorflow", "ai-edge-litert", "tf2onnx", "onnx", "onnxruntime")
TIMEOUT = 600.0  # seconds of proving a folder


class ProofError(Exception):
    """A converted signature fails its proof; says how."""


def write(model, name: str, folder: Path, form: str, weights: str) -> dict:
    """Converts a model's signatures into an empty folder, and proves them in a fresh process.

    Args:
        model: a `tfgen.Model` with trained weights.
        name: that it is published under.
        folder: the empty folder.
        form: litert or onnx.
        weights: float32, float16 or int8.

    Returns:
        What model.json holds.

    Raises:
        ContractError: nothing of the model can be converted; says why. ProofError: a converted signature does not
            answer as Python does.
    """
    facts = convert(model, folder, form, weights) | {"model": name}
    save(facts, folder)
    prove(facts, folder)
    leave_out(facts, folder)
    if not facts["files"]:
        reasons = "; ".join(f"{key}: {why}" for key, why in facts["not_converted"].items())
        raise contract.ContractError(f"nothing of {name} can be converted to {options.NAMES[form]}: {reasons}")
    save_codes(model, facts, folder)
    save(facts, folder)
    (folder / readme.NAME).write_text(readme.text(facts, (folder / CODES).exists()), encoding="utf-8")
    manifest.write(folder)
    return facts


def table(facts: dict) -> str:
    """What a folder holds, as a table for the terminal, and below it what is not converted."""
    rows = [("signature", "MB", "ms per row", "largest difference", "loss")]
    for key, found in facts["files"].items():
        numbers = f"{found['bytes'] / 1e6:.2f}", f"{found['p50_ms']:.2f}", f"{found['difference']:.1e}"
        rows.append((key, *numbers, f"{found['loss']:.2%}"))
    lines = [f"  {key} is not converted: {why}" for key, why in facts["not_converted"].items()]
    return "\n".join([commandline.table(rows), *[""] * bool(lines), *lines])


def convert(model, folder: Path, form: str, weights: str) -> dict:
    """Writes a file for each signature that can be converted, and the golden requests. Returns the facts so far."""
    offered, absent, seedless = {}, {}, model.seedless_signatures()
    for key, signature in model.signatures().items():
        if key == contract.DEFAULT:  # another name of one of the others
            continue
        signature = seedless.get(key, signature)
        if "seed" in signature.inputs:
            absent[key] = SEEDED + (f"; {INSTEAD}" if key == "sample" and "decode" in model.signatures() else "")
            continue
        try:
            content = CONVERTERS[form](model, key, signature, weights)
        except litert.UnconvertedError as error:
            absent[key] = str(error)
            continue
        (folder / f"{key}{options.ENDINGS[form]}").write_bytes(content)
        offered[key] = signature
    facts = signatures.describe(model, offered, 1)
    files = {key: {"file": f"{key}{options.ENDINGS[form]}"} for key in offered}
    asked = {key: each for key, each in model.signatures().items() if key == "sample"} | offered  # for good images
    requests = golden.make(asked, len(facts["classes"]))
    golden.write(folder / golden.NAME, {key: requests[key] for key in offered})
    return facts | {
        "format": form,
        "weights": weights,
        "files": files,
        "not_converted": absent,
        "made_with": {each: version for each in MADE_WITH if (version := installed(each))},
    }


def prove(facts: dict, folder: Path) -> None:
    """Runs `export.formats.checking` in a fresh process; its numbers join facts["files"].

    Raises:
        ProofError: a file does not answer as Python does, or the process fails.
    """
    if not facts["files"]:
        return
    words = [sys.executable, "-m", "export.formats.checking", str(folder)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        raise ProofError(f"the process that proves it takes more than {TIMEOUT:g} s") from None
    for line in done.stdout.splitlines():
        for key, found in json.loads(line).items():
            if found.pop("tensorflow"):
                raise ProofError("TensorFlow was imported where the runtime alone should answer")
            if "wrong" in found:
                raise ProofError(found["wrong"])
            path = folder / facts["files"][key]["file"]
            facts["files"][key] |= {"bytes": path.stat().st_size} | found
    if done.returncode or any("p50_ms" not in each for each in facts["files"].values()):
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise ProofError(f"the process that proves it failed: {said[-1][:300]}")


def leave_out(facts: dict, folder: Path) -> None:
    """Removes the signatures whose loss is beyond the limit of how the weights are stored; facts say why."""
    most = LIMITS.get(facts["weights"])
    for key, found in list(facts["files"].items()):
        if most is not None and not found["loss"] <= most:
            facts["not_converted"][key] = f"{facts['weights']} weights lose {found['loss']:.1%}, above {most:.0%}"
            (folder / found["file"]).unlink()
            del facts["files"][key], facts["signatures"][key]
    if most is not None and facts["files"]:
        every = np.load(folder / golden.NAME)
        kept = {key: value for key, value in every.items() if key.partition("/")[0] in facts["files"]}
        np.savez_compressed(folder / golden.NAME, **kept)


def save_codes(model, facts: dict, folder: Path) -> None:
    """Writes codes of the prior, [SEEDS, Z]: row k is the code that `model.sample(seed=k)` or `complete` draws."""
    taken = any("latent" in sides["inputs"] for sides in facts["signatures"].values())
    if taken and any("seed" in signature.inputs for signature in model.signatures().values()):
        rows = np.concatenate([row_seeds(seed, 1) for seed in range(SEEDS)])
        np.save(folder / CODES, model.draw_prior(tf.constant(rows)).numpy())


def save(facts: dict, folder: Path) -> None:
    """Writes model.json."""
    (folder / FILE).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def installed(package: str) -> str | None:
    """The version of a package, if it is installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
