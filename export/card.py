"""The model card: what a served model is, how it was trained, its numbers, and how to read its answers."""

import inspect
import math
import re
from pathlib import Path

import numpy as np

from export import limits
from tfgen import measures
from tfgen.data import names
from tfgen.storage import loading, runs

NAME, PICTURE = limits.CARD, limits.PICTURE
COLUMNS, ROWS = 10, 3  # of the picture
SEEDS = """
Row i of a batch is drawn from `seed[i]` alone, by the algorithm Philox: the same seed gives the same image in Python
and on a server, whatever it is batched with. `tfgen.row_seeds(seed, n)` gives the row seeds of one integer. JSON
carries integers up to 2**53 - 1 exactly.
"""
LABELS = """
`label` is the number of a class, {classes}. A label outside 0..{last} gives a row of NaN and leaves the other rows
alone.
"""
OUTSIDE = (
    "An `image` with a pixel outside [0, 1], or with one that is NaN, gives a row of NaN and leaves the others alone."
)
BOUND = """
`score` answers with `elbo`, the evidence lower bound with one sample of z, and `log_likelihood`, the
importance-weighted bound on log p(x) with K = {samples} samples, both in nats.

{pixels}
"""
EXACT = "`score` answers with `log_likelihood`, log p(x) in nats.\n\n{pixels}"
PIXELS = "The pixels are scored as they are sent, under the model's likelihood ({name})."
BERNOULLI = """The pixels are taken as the data: binary images give their Bernoulli likelihood, grey ones the grey-level
cross-entropy."""
LOGISTIC = """The pixels are rounded to the 256 levels of 8 bits, whose probability is given; bits per dimension are
nats / ({dimensions:,} log 2)."""
USES = {  # a signature that a model serves -> what it is good for
    "sample": "drawing new images{like}",
    "reconstruct": "seeing what its code keeps of an image",
    "encode": "codes of images, to be compared, clustered or interpolated",
    "score": "telling how likely images are under it",
    "classify": "telling the classes of images apart, after training with labels for few of them",
    "complete": "whole images of damaged ones, several of each by several seeds",
    "discriminate": "telling images of its kind from others, as far as its discriminator learned that",
}
LIMITS = """
- It knows images of {size} pixels{like}, and takes every image for one of them: what it answers to others means little.
- Samples may resemble training images closely, and share whatever bias these have. Nothing was done to hide who or what
  was in them.
- Its numbers compare only with numbers of the same protocol, and those in features only with the same classifier.
- Nothing that matters to somebody should be decided by it alone: it is for research, for teaching and for trying out
  how a generative model is served.
"""
LICENCES = """
- The code is tfgen's, under the Apache licence 2.0{weights}.
- {data}
"""
SHIPPED = ", and so are these weights, which ship with it"
PUBLISHED = """The images it was trained on are those of {name}, under the terms of their owners, which
https://www.tensorflow.org/datasets/catalog/{base} names."""
OWN = "The images it was trained on ({name}) are under the terms of their owner, which are not recorded here."
# A full stop ends a sentence unless it follows an initial or an abbreviation, or a lower-case word or number follows.
SENTENCE = re.compile(r"(?<!\b[A-Z])(?<!\bal)(?<!\bcf)(?<!\bvs)(?<!\be\.g)(?<!\bi\.e)[.!?](?=\s+[^\sa-z\d]|$)")


def text(model, source, facts: dict, picture: str = "") -> str:
    """The card as Markdown.

    Args:
        model: the `tfgen.Model`.
        source: a run directory or the entry's name.
        facts: what `signatures.json` holds.
        picture: the name of a picture of samples beside the card, or "".
    """
    config, metrics = provenance(source)
    classes, served = facts["classes"], facts["signatures"]
    origin = {
        "entry": model.entry,
        "images": " x ".join(map(str, facts["image_shape"])),
        "classes": ", ".join(classes) or None,
        "data set": config.get("dataset"),
        "protocol": metrics.get("protocol") or config.get("protocol"),
        "training images": (config.get("splits") or {}).get("train", {}).get("split"),
        "seed": config.get("seed"),
        "device": config.get("device"),
        "parameters": f"{model.parameter_count():,}",
    }
    settings = (config.get("hyperparameters") or {}) | (config.get("recipe") or {})
    like = f" like those of {config['dataset']}" if config.get("dataset") else ""
    parts = [f"# {facts['model']}", about(model)]
    parts += [f"![Samples of {facts['model']}]({picture})"] * bool(picture)
    parts += [_values(origin), "## Intended use", _uses(served, like)]
    parts += ["## Limits", LIMITS.format(size=" x ".join(map(str, facts["image_shape"][:2])), like=like)]
    parts += ["## Numbers", _numbers(metrics) if metrics else "None were recorded."]
    parts += ["## Licences", _licences(source, config)]
    parts += ["## Hyperparameters", _values(settings) if settings else "The entry's own."]
    parts += ["## Signatures", _signatures(served)]
    if any("seed" in sides["inputs"] for sides in served.values()):
        parts.append(SEEDS)
    if classes:
        parts.append(LABELS.format(classes=numbered(classes), last=len(classes) - 1))
    if any("image" in sides["inputs"] for sides in served.values()):
        parts.append(OUTSIDE)
    if "score" in served:
        scored = {"bernoulli": BERNOULLI, "logistic": LOGISTIC}.get(model.pixels.name, PIXELS)
        pixels = scored.format(name=model.pixels.name, dimensions=math.prod(model.image_shape))
        words = BOUND if "score_samples" in facts else EXACT
        parts.append(words.format(samples=facts.get("score_samples"), pixels=pixels))
    parts += ["## Versions", _versions(config.get("versions") or {})]
    return _plain("\n\n".join(part.strip() for part in parts)) + "\n"


def _plain(text: str) -> str:
    """Text without control characters and HTML, whatever a run's files hold."""
    return "".join(each if each.isprintable() or each == "\n" else " " for each in text).replace("<", "&lt;")


def about(model) -> str:
    """A sentence that says what a model is: the first of the docstring of its module, with the model as its subject."""
    sentence = first_sentence(inspect.getmodule(type(model)).__doc__ or "")
    article, _, rest = sentence.partition(" ")
    if article in ("The", "A", "An"):
        sentence = f"`{model.entry}` is {article.lower()} {rest}"
    elif not sentence:
        sentence = f"`{model.entry}` is a model of images"
    return sentence if sentence[-1] in ".!?" else f"{sentence}."


def draw(model, path: Path) -> None:
    """Draws samples of a model, seed 0; of a conditional one the classes in columns."""
    from tfgen import figures
    from tfgen.evaluation import images

    columns = min(COLUMNS, len(model.class_names)) if model.conditional else COLUMNS
    labels = np.resize(np.arange(columns), columns * ROWS)
    titles = model.class_names[:columns] if model.conditional else ()
    figures.save(figures.grid(images.samples(model, labels), columns, column_labels=titles), path)


def first_sentence(docstring: str) -> str:
    """The first sentence of a docstring on one line; the first paragraph where no full stop ends it."""
    paragraph = " ".join(docstring.strip().partition("\n\n")[0].split())
    end = SENTENCE.search(paragraph)
    return paragraph[: end.end()] if end else paragraph


def provenance(source) -> tuple[dict, dict]:
    """What is recorded about the weights of a run or of an entry: the settings, the numbers; empty where nothing is.

    Raises:
        ValueError: a file of the run is damaged.
    """
    if loading.is_shipped(str(source)):  # an entry's name wins over a folder
        record = loading.shipped(str(source))
        return record, record.get("metrics", {})
    if not runs.is_run(Path(source)):
        return {}, {}
    metrics = runs.read_metrics(source) if runs.is_finished(source) else {}
    return runs.read_config(source), metrics


def _uses(served: dict, like: str) -> str:
    uses = [words.format(like=like) for name, words in USES.items() if name in served]
    return (
        "It is meant for\n\n" + ";\n".join(f"- {use}" for use in uses) + "." if uses else "What its signatures answer."
    )


def _numbers(metrics: dict) -> str:
    """The numbers that were recorded, with what each means."""
    words = measures.MEANINGS | measures.TRAINING
    rows = []
    for name, value in metrics.items():
        if name in ("protocol", "parameters", "evaluation"):
            continue
        meaning = words.get(name.removeprefix(measures.FLOOR), "")
        if name.startswith(measures.FLOOR):
            meaning = f"the same of training images: {meaning}"
        rows.append((name.replace("_", " "), _shown(value), meaning))
    conditions = {name: value for name, value in metrics.get("evaluation", {}).items() if not isinstance(value, dict)}
    measured = "; ".join(f"{name.replace('_', ' ')}: {_shown(value)}" for name, value in conditions.items())
    return _table("number", "value", "what it is", rows=rows) + (f"\n\nMeasured with {measured}." if measured else "")


def _shown(value) -> str:
    """A number with its thousands apart, a list in a line."""
    if isinstance(value, list):
        return " ".join(_shown(item) for item in value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.7g}"


def _licences(source, config: dict) -> str:
    name = config.get("dataset") or "unknown"
    base = name.partition("/")[0]
    data = PUBLISHED.format(name=name, base=base) if names.is_published(name) else OWN.format(name=name)
    shipped = loading.is_shipped(str(source))
    return LICENCES.format(weights=SHIPPED if shipped else "", data=" ".join(data.split()))


def numbered(classes: list) -> str:
    """The numbers of classes with their names: 0..9, or 0 cat, 1 dog, 2 fish."""
    if classes == [str(number) for number in range(len(classes))]:
        return f"0..{len(classes) - 1}"
    return ", ".join(f"{number} {name}" for number, name in enumerate(classes))


def _values(values: dict) -> str:
    return _table("what", "value", rows=[(name.replace("_", " "), value) for name, value in values.items()])


def _versions(trained: dict) -> str:
    exported = runs.library_versions()
    rows = [(name, trained.get(name, "not recorded"), version) for name, version in exported.items()]
    return _table("library", "trained with", "exported with", rows=rows)


def _signatures(table: dict) -> str:
    rows = [(f"`{name}`", _tensors(sides["inputs"]), _tensors(sides["outputs"])) for name, sides in table.items()]
    return _table("signature", "inputs", "outputs", rows=rows)


def _table(*header: str, rows) -> str:
    """A Markdown table; rows that hold a None are left out."""
    kept = [[" ".join(str(cell).split()).replace("|", r"\|") for cell in row] for row in rows if None not in row]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *kept))


def _tensors(specs: dict) -> str:
    words = []
    for name, spec in specs.items():
        shape = ", ".join(["B", *map(str, spec["shape"][1:])])
        words.append(f"`{name}` {spec['dtype']} [{shape}]")
    return ", ".join(words)
