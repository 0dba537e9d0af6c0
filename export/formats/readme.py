"""The README of a folder of converted signatures: what it is, and the lines that run it."""

from export import card
from export.formats import options, running

NAME = "README.md"
TEXT = """\
# {model} for {name}

Made by `python -m export` of tfgen, with weights stored as {weights}. Python needs nothing but NumPy and
`pip install {package}`:

```python
{code}
```

| signature | file | inputs | outputs | MB | ms for one row | largest difference | loss |
|---|---|---|---|---|---|---|---|
{rows}

The difference is to the model's answers in Python, on the requests in `golden.npz`; the loss is its root mean square as
a share of the answers' spread. Every first axis is the batch, of any length from 1 on. Pixels lie in
[0, 1]. A row with a label of no class, a pixel outside [0, 1] or a code that is not finite is answered by NaN.
{classes}{codes}{noise}{absent}
`model.json` has all of this for programs, `manifest.json` the SHA-256 of every file.
"""
CODES = """
`codes.npy` holds codes of the prior, `latent`: row k is the code that the seed k draws in Python. No file here takes a
seed.
"""
NOISE = """
`noise` are independent standard normal numbers, afresh for each row.
"""
ABSENT = """
Not converted:

{lines}
"""


def text(facts: dict, codes: bool) -> str:
    """The README as Markdown.

    Args:
        facts: what model.json holds.
        codes: whether codes.npy lies beside it.
    """
    rows = [_row(key, found, facts) for key, found in facts["files"].items()]
    lines = [f"- `{key}`: {why}." for key, why in facts["not_converted"].items()]
    return TEXT.format(
        model=facts["model"],
        name=options.NAMES[facts["format"]],
        weights=facts["weights"],
        package=options.RUNTIMES[facts["format"]],
        code=code(facts, codes),
        rows="\n".join(rows),
        classes=f"Labels: {card.numbered(facts['classes'])}.\n" if facts["classes"] else "",
        codes=CODES if codes else "",
        noise=NOISE if any("noise" in sides["inputs"] for sides in facts["signatures"].values()) else "",
        absent=ABSENT.format(lines="\n".join(lines)) if lines else "",
    )


def code(facts: dict, codes: bool) -> str:
    """Python that runs the first signature, `decode` where there is one."""
    name = "decode" if "decode" in facts["files"] else next(iter(facts["files"]))
    file, sides = facts["files"][name]["file"], facts["signatures"][name]
    values = {key: f'golden["{name}/inputs/{key}"]' for key in sides["inputs"]}
    if codes and "latent" in values:
        values["latent"] = 'np.load("codes.npy")[:8]'
    asked, output = ", ".join(f'"{key}": {value}' for key, value in values.items()), next(iter(sides["outputs"]))
    lines = ["import numpy as np"]
    if facts["format"] == "litert":
        lines += ["from ai_edge_litert.interpreter import Interpreter", ""]
        opened, run = f'Interpreter("{file}").get_signature_runner("{name}")', f'run(**inputs)["{output}"]'
    else:
        lines += ["import onnxruntime", ""]
        opened = f'onnxruntime.InferenceSession("{file}")'
        run = f'run.run(["{running.output(output, sides["inputs"])}"], inputs)[0]'
    lines += ['golden = np.load("golden.npz")'] if any("golden" in value for value in values.values()) else []
    shape = ", ".join(map(str, [8, *sides["outputs"][output]["shape"][1:]]))
    return "\n".join([*lines, f"run = {opened}", f"inputs = {{{asked}}}", f"{output} = {run}  # [{shape}]"])


def _row(key: str, found: dict, facts: dict) -> str:
    sides = facts["signatures"][key]
    names = [", ".join(f"`{name}` {spec['dtype']} {spec['shape']}" for name, spec in sides["inputs"].items())]
    renamed = facts["format"] == "onnx"
    outputs = {
        running.output(name, sides["inputs"]) if renamed else name: spec for name, spec in sides["outputs"].items()
    }
    names.append(", ".join(f"`{name}` {spec['dtype']} {spec['shape']}" for name, spec in outputs.items()))
    numbers = (
        f"{found['bytes'] / 1e6:.2f}",
        f"{found['p50_ms']:.2f}",
        f"{found['difference']:.1e}",
        f"{found['loss']:.2%}",
    )
    return "| " + " | ".join([f"`{key}`", f"`{found['file']}`", *names, *numbers]) + " |"
