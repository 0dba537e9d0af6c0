"""What lies beside the versions: a server's configuration for every model of a folder, and a README for each model."""

import contextlib
import importlib.resources
import json
import re
import string
from pathlib import Path

from export import contract, labels
from tfgen import files, locks

MODELS, README, LOCK, COMPOSE = "models.config", "README.md", ".lock", "docker-compose.yml"
ONCE = (
    "batching.config",
    "monitoring.config",
    COMPOSE,
    "kubernetes.yaml",
)  # written if absent: they are the user's to edit
HEADER = "# Written by every `python -m export` to this folder, from the models that it holds.\n"
IN_A_LINE = ("seed", "label", "latent")  # inputs short enough for a line of curl
BATCHING = "--enable_batching=true --batching_parameters_file=/models/batching.config"
BATCHED = """\
Requests are merged: several small ones then cost little more than one. But a request of a wrong shape fails those
# that it is merged with, and one without rows hangs until another comes. Where you do not trust every client, export
# with --no-batching, or delete the two flags that name batching."""
UNBATCHED = """\
Requests are not merged: none can fail or hold up another. Where many small requests come at once, merging them has
# the higher throughput: --enable_batching=true --batching_parameters_file=/models/batching.config"""
DTYPES = {"float32": "tf.float32", "int64": "tf.int64"}


def check(folder: Path, name: str, batching: bool = True) -> None:
    """Raises ValueError where something lies in the place of a file that `writing` writes, or merges requests.

    The second only if it must not: the files of a folder are the user's once they are written.
    """
    for path in (*(folder / file for file in (MODELS, *ONCE, LOCK)), folder / name / README):
        if path.exists() and not path.is_file():
            raise ValueError(f"{str(path)!r} is not a file: an export writes one there; rename or remove it")
    if not batching and any("batching" in flag for flag in flags(folder, name, batching)):
        words = f"{str(folder / COMPOSE)!r} merges requests, and an export does not change it"
        raise ValueError(f"{words}: delete the flags that name batching, there and in kubernetes.yaml")


@contextlib.contextmanager
def writing(folder: Path, name: str, facts: dict, batching: bool = True):
    """Writes the configuration of a folder of models, and the README of one of them, once the block has ended well.

    All is on the disk before the block begins, beside its place: only renaming is left once a version is published.

    Args:
        folder: holds models.config and one folder a model.
        name: the model whose README is written, which is published in the block if it was not before.
        facts: what its `signatures.json` holds.
        batching: whether the server merges requests.
    """
    with locks.held(folder / LOCK):
        with contextlib.ExitStack() as stack:
            server = flags(folder, name, batching)
            texts = {folder / MODELS: models_config(folder, name), folder / name / README: readme(name, facts, server)}
            texts |= {folder / file: once(file, name, batching) for file in ONCE if not (folder / file).exists()}
            for path, text in texts.items():
                stack.enter_context(files.replacing(path)).write_text(text, encoding="utf-8")
            yield
        if labels.read(folder / name):  # it names the versions to serve, and there is one more now
            reconfigure(folder)


def write(folder: Path, name: str, facts: dict) -> None:
    """`writing`, of a model that is published already."""
    with writing(folder, name, facts):
        pass


def once(file: str, name: str, batching: bool) -> str:
    """The text of a file that is written if it is absent, for a folder whose first model is `name`."""
    text = _template(file)
    flags, why = (BATCHING, BATCHED) if batching else ("", UNBATCHED)
    lines = []
    for line in text.replace("{{name}}", name).replace("{{why}}", why).splitlines():
        if "{{batching}}" in line:  # a line for each flag
            lines += [line.replace("{{batching}}", flag) for flag in flags.split()]
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def flags(folder: Path, name: str, batching: bool) -> list[str]:
    """The server's flags of a folder's docker-compose.yml, or of the one that will be written there."""
    place = folder / COMPOSE
    for text in (place.read_text(encoding="utf-8") if place.exists() else "", once(COMPOSE, name, batching)):
        if found := re.findall(r"^ *- (--\w+=\S+) *$", text, re.MULTILINE):
            break
    return found


def reconfigure(folder: Path) -> None:
    """Writes models.config again, after labels or versions have changed. The caller holds the folder's lock."""
    with files.replacing(folder / MODELS) as path:
        path.write_text(models_config(folder), encoding="utf-8")


def models_config(folder: Path, more: str = "") -> str:
    """The text of models.config: every folder with a numbered SavedModel in it, and one more, is a model to serve."""
    names = {path.parent.parent.name for path in folder.glob("*/[0-9]*/saved_model.pb")} | ({more} - {""})
    configs = [
        f'  config {{ name: "{name}" base_path: "/models/{name}" model_platform: "tensorflow"'
        f"{labels.config(folder / name)} }}"
        for name in sorted(names)
    ]
    return "\n".join([f"{HEADER}model_config_list {{", *configs, "}"]) + "\n"


def readme(name: str, facts: dict, server: list[str]) -> str:
    """The README of one model: how to run a server with some flags, and how to ask it, line by line."""
    signatures = facts["signatures"]
    first = next((signature for signature in signatures if signature != contract.DEFAULT), contract.DEFAULT)
    return string.Template(_template(README)).substitute(
        name=name,
        flags=" \\\n".join(f"        {flag}" for flag in server),
        curl=_indented(_curl(name, facts)),
        classes=_classes(facts["classes"]),
        python=_indented(_calls(facts)),
        signature=first,
        grpc=_indented(_stub(signatures[first], facts)),
    )


def _curl(name: str, facts: dict) -> list[str]:
    """Lines of curl for the signatures whose requests are short."""
    lines = [f"curl http://localhost:8501/v1/models/{name}{path}" for path in ("", "/metadata")]
    for signature, rows in (("sample", 2), ("decode", 1)):
        inputs = facts["signatures"].get(signature, {}).get("inputs", {})
        if inputs and set(inputs) <= set(IN_A_LINE):
            instances = [{key: _row(key, row, facts) for key in inputs} for row in range(rows)]
            body = json.dumps({"signature_name": signature, "instances": instances})
            lines.append(f"curl -d '{body}' \\\n        http://localhost:8501/v1/models/{name}:predict")
    return lines


def _row(key: str, row: int, facts: dict):
    """An example of one row of an input."""
    return {"seed": row, "label": _label(facts), "latent": [0.0] * (facts["latent_dim"] or 0)}[key]


def _label(facts: dict) -> int:
    """The class that examples ask for."""
    return len(facts["classes"]) // 2


def _named(classes: list) -> bool:
    """Whether classes have names that are worth writing, other than their numbers."""
    return bool(classes) and classes != [str(number) for number in range(len(classes))]


def _classes(classes: list) -> str:
    """The argument of Client that lets labels be names."""
    return f", classes={json.dumps(classes, ensure_ascii=False)}" if _named(classes) else ""


def _calls(facts: dict) -> list[str]:
    """A line of Python for every signature that the client has a function for."""
    classes, image = facts["classes"], ", ".join(map(str, facts["image_shape"]))
    asked = json.dumps(classes[_label(facts)], ensure_ascii=False) if _named(classes) else _label(facts)
    lines = []
    for name, comment in (
        ("sample", f"float32 [4, {image}] in [0, 1]"),
        ("decode", f"latent: float32 [B, {facts['latent_dim']}]"),
        ("encode", f"image: [B, {image}], uint8 in 0..255 or float in [0, 1]"),
        ("reconstruct", ""),
        ("score", f"nats, K = {facts['score_samples']}" if "score_samples" in facts else "nats"),
        ("discriminate", ""),
        ("classify", "probabilities of the classes"),
        ("complete", "damaged: float32 in [0, 1], -1 where a pixel is missing"),
    ):
        sides = facts["signatures"].get(name)
        if sides:
            inputs = sides["inputs"]
            arguments = ["4"] * (name == "sample") + [key for key in ("latent", "image", "damaged") if key in inputs]
            arguments += [f"label={asked}"] * ("label" in inputs) + ["seed=0"] * ("seed" in inputs)
            call = f"{', '.join(sides['outputs'])} = client.{name}({', '.join(arguments)})"
            lines.append(f"{call}  # {comment}" if comment else call)
    return lines


def _stub(sides: dict, facts: dict) -> list[str]:
    """The rest of a call by the official stubs: two rows of a signature's inputs, and its first output."""
    lines = []
    for key, spec in sides["inputs"].items():
        shape = [2, *spec["shape"][1:]]
        value = {"seed": "[0, 1]", "label": f"{[_label(facts)] * 2}"}.get(key, f"tf.zeros({shape})")
        if value.startswith("tf.") and spec["dtype"] != "float32":
            value = f"tf.zeros({shape}, {DTYPES[spec['dtype']]})"
        tensor = f"tf.make_tensor_proto({value}, {DTYPES[spec['dtype']]})"
        lines.append(f'request.inputs["{key}"].CopyFrom({tensor})')
    key, spec = next(iter(sides["outputs"].items()))
    lines.append(f'{key} = tf.make_ndarray(stub.Predict(request, timeout=10).outputs["{key}"])')
    lines[-1] += f"  # {[2, *spec['shape'][1:]]}"
    return lines


def _indented(lines) -> str:
    return "\n".join(f"    {line}" for line in lines)


def _template(name: str) -> str:
    return (importlib.resources.files("export") / "templates" / name).read_text(encoding="utf-8")
