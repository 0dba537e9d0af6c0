"""Writes a model's signatures as files of another format, a folder that appears whole once they agree with Python.

decode.tflite, ...   a signature each, with its own copy of the weights that it needs
signatures.json      names, dtypes and shapes, classes; the format, and what is left out and why
golden.npz           requests and the answers of Python
codes.npy            codes drawn from the prior, for a model that samples: what `decode` turns into samples
README.md            how to run the files
manifest.json        size and SHA-256 of every other file
"""

import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from export import contract, golden, manifest, publish, signatures
from export.formats import comparing
from tfgen import commandline

CODES = 1000  # that are drawn from the prior
TIMEOUT = 600  # seconds that the comparison may take
SEEDED = "draws by a seed, which no other format repeats to the bit"
INSTEAD = f"{SEEDED}: decode codes from the prior"
README = """# {name} in {format}

{files} were converted from a model of tfgen, with {weights} weights, and compared with its answers in Python.
`signatures.json` has the names, dtypes and shapes of what goes in and comes out; the first axis is the batch, of any
size. A pixel or code that is not finite, a pixel outside [0, 1] or a label of no class gives a row of NaN.
{labels}
```python
{code}
```
{prior}{left_out}"""
RUN = {
    "litert": """from ai_edge_litert.interpreter import Interpreter  # pip install ai-edge-litert

interpreter = Interpreter("{file}")
run = interpreter.get_signature_runner()
outputs = run({inputs})  # {{"{output}": ...}}""",
    "onnx": """import onnxruntime  # pip install onnxruntime

session = onnxruntime.InferenceSession("{file}")
outputs = session.run(None, {{{inputs}}})""",
}


def check_options(chosen: str, weights: str) -> None:
    """Raises ValueError for weights that a format does not have, or a package that is missing."""
    found = comparing.FORMATS[chosen]
    if weights not in found.WEIGHTS:
        raise ValueError(f"weights {weights!r} are not for {chosen}; choose from {', '.join(found.WEIGHTS)}")
    missing = [name for name in found.PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(f'{chosen} needs {", ".join(missing)}: pip install "tfgen[{chosen}]"')


def export(model, name: str, to: Path, chosen: str, weights: str) -> None:
    """Writes the next version of TO/NAME-FORMAT and prints what was converted, or ends in one line.

    Args:
        model: a `tfgen.Model` with trained weights.
        name: the model's.
        to: the folder.
        chosen: "litert" or "onnx".
        weights: how they are stored, as `check_options` allows them.
    """
    began, folder = time.perf_counter(), to / f"{name}-{chosen}"
    try:
        publish.make_folder(folder)
        publish.check(folder)
        with publish.staging(folder) as staged:
            facts = write(model, name, staged, chosen, weights)
            found = compare(staged)
            _print(staged, facts, found)
            if wrong := [f"{each}: {numbers['wrong']}" for each, numbers in found.items() if numbers["wrong"]]:
                commandline.fail(f"{name} in {chosen} differs from Python; nothing is published: {'; '.join(wrong)}", 1)
            version = publish.publish(staged)
    except contract.ContractError as error:
        commandline.fail(error)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        commandline.fail(f"{str(folder)!r} cannot be written: {reason}; nothing is published")
    print(f"\n{version}  {size(version) / 1e6:.1f} MB in {time.perf_counter() - began:.0f} s")
    print(f"How to run it: {version / 'README.md'}")


def write(model, name: str, folder: Path, chosen: str, weights: str) -> dict:
    """Writes all that a folder holds.

    Returns:
        What signatures.json has.

    Raises:
        ContractError: nothing can be converted; the message says why.
    """
    table = model.signatures()
    left_out = {each: reason for each, signature in table.items() if (reason := _reason(each, signature))}
    facts, files = signatures.describe(model, table, 1), comparing.FORMATS[chosen]
    del facts["signatures"][contract.DEFAULT]  # another name of one of the others
    named = {each: table[each] for each in facts["signatures"]}
    for each, content in _converted(model, named, left_out, files, weights):
        (folder / f"{each}{files.SUFFIX}").write_bytes(content)
    left_out.pop(contract.DEFAULT, None)
    facts["signatures"] = {each: sides for each, sides in facts["signatures"].items() if each not in left_out}
    if not facts["signatures"]:
        reasons = "; ".join(f"{each} {reason}" for each, reason in left_out.items())
        raise contract.ContractError(f"nothing of {name} can be converted to {chosen}: {reasons}")
    facts |= {"model": name, "format": chosen, "weights": weights, "left_out": left_out}
    facts.pop("score_samples", None)
    (folder / comparing.FACTS).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    asked = {each: table[each] for each in table if each in facts["signatures"] or each == "sample"}
    requests = golden.make(asked, len(facts["classes"]))  # its samples are the images that are asked about
    golden.write(folder / golden.NAME, {each: requests[each] for each in facts["signatures"]})
    sampled = "sample" in table and "decode" in facts["signatures"]
    if sampled:
        np.save(
            folder / "codes.npy", np.asarray(model.draw_prior(np.arange(CODES, dtype=np.int64))), allow_pickle=False
        )
    (folder / "README.md").write_text(_readme(facts, files, sampled), encoding="utf-8")
    manifest.write(folder)
    return facts


def _converted(model, table: dict, left_out: dict, files, weights: str):
    """Yields signatures and the contents of their files; those that a format does not take go to `left_out`."""
    from tfgen.quiet import tf

    with tempfile.TemporaryDirectory() as saved:
        signatures.save(model, {name: each for name, each in table.items() if name not in left_out}, saved)
        loaded = tf.saved_model.load(saved)
        for name, function in loaded.signatures.items():
            try:
                yield name, files.convert(function, loaded, weights)
            except ValueError as error:
                left_out[name] = str(error)


def _reason(name: str, signature) -> str:
    """Why a signature is not converted; "" for one that is."""
    if "seed" not in signature.inputs:
        return ""
    return INSTEAD if name == "sample" else SEEDED


def compare(folder: Path) -> dict:
    """What a fresh process finds of a folder's files, as `export.formats.comparing` prints it. Raises ValueError."""
    words = [sys.executable, "-m", comparing.__name__, str(folder)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        raise ValueError(f"the files do not answer within {TIMEOUT} s") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        raise ValueError(f"the files cannot be run: {last}")
    return json.loads(done.stdout.splitlines()[-1])


def size(folder: Path) -> int:
    """The bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.iterdir())


def _print(folder: Path, facts: dict, found: dict) -> None:
    suffix = comparing.FORMATS[facts["format"]].SUFFIX
    print(f"{facts['model']}: {facts['format']}, {facts['weights']} weights")
    for each, numbers in found.items():
        bytes_ = (folder / f"{each}{suffix}").stat().st_size
        result = "FAILED" if numbers["wrong"] else "ok    "
        print(
            f"  {each:12} {result}  {bytes_ / 1e6:5.2f} MB  {numbers['p50_ms']:8.3f} ms a row  "
            f"off by {numbers['difference']:.1e}"
        )
    for each, reason in facts["left_out"].items():
        print(f"  {each:12} left out: {reason}")


def _readme(facts: dict, files, sampled: bool) -> str:
    name = "decode" if "decode" in facts["signatures"] else next(iter(facts["signatures"]))
    sides, between = facts["signatures"][name], ": " if facts["format"] == "onnx" else "="
    quote = '"' if facts["format"] == "onnx" else ""
    inputs = ", ".join(f"{quote}{each}{quote}{between}{each}" for each in sides["inputs"])
    code = RUN[facts["format"]].format(file=f"{name}{files.SUFFIX}", inputs=inputs, output=next(iter(sides["outputs"])))
    prior = "\n`codes.npy` holds codes drawn from the prior: decoded, they are samples.\n" if sampled else ""
    labels = f"\n`label` is the number of a class: {', '.join(facts['classes'])}.\n" if facts["classes"] else ""
    left_out = "".join(f"\n`{each}` is left out: it {reason}.\n" for each, reason in facts["left_out"].items())
    names = [f"`{each}{files.SUFFIX}`" for each in facts["signatures"]]
    words = {"name": facts["model"], "format": facts["format"], "weights": facts["weights"], "files": ", ".join(names)}
    return README.format(**words, code=code, prior=prior, labels=labels, left_out=left_out)
