"""The model card: what a served model is, how it was trained, its numbers, and how to read its answers."""

import inspect
import math
import re
from pathlib import Path

from tfgen.storage import entries, loading, runs

NAME = "MODEL_CARD.md"
SEEDS = """
Row i of a batch is drawn from `seed[i]` alone, by the algorithm Philox: the same seed gives the same image in Python
and on a server, whatever it is batched with. `tfgen.row_seeds(seed, n)` gives the row seeds of one integer. JSON
carries integers up to 2**53 - 1 exactly.
"""
LABELS = """
`label` is the number of a class, {classes}. A label outside 0..{last} gives a row of NaN and leaves the other rows
alone.
"""
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
# A full stop ends a sentence unless it follows an initial or an abbreviation, or a lower-case word or number follows.
SENTENCE = re.compile(r"(?<!\b[A-Z])(?<!\bal)(?<!\bcf)(?<!\bvs)(?<!\be\.g)(?<!\bi\.e)[.!?](?=\s+[^\sa-z\d]|$)")


def text(model, source, facts: dict) -> str:
    """The card as Markdown.

    Args:
        model: the `tfgen.Model`.
        source: a run directory or the entry's name.
        facts: what `signatures.json` holds.
    """
    config, metrics = provenance(source)
    classes = facts["classes"]
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
    numbers = {name: value for name, value in metrics.items() if name not in ("protocol", "parameters")}
    settings = (config.get("hyperparameters") or {}) | (config.get("recipe") or {})
    parts = [f"# {model.entry}", about(model), _values(origin)]
    parts += ["## Numbers", _values(numbers) if numbers else "None were recorded."]
    parts += ["## Hyperparameters", _values(settings) if settings else "The entry's own."]
    parts += ["## Signatures", _signatures(facts["signatures"])]
    if any("seed" in sides["inputs"] for sides in facts["signatures"].values()):
        parts.append(SEEDS)
    if classes:
        parts.append(LABELS.format(classes=_numbered(classes), last=len(classes) - 1))
    if "score" in facts["signatures"]:
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
    """The first sentence of the docstring of the module that defines a model's class; its name where there is none."""
    return first_sentence(inspect.getmodule(type(model)).__doc__ or "") or model.entry


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
    if str(source) in entries.entries():  # an entry's name wins over a folder
        record = loading.shipped(str(source))
        return record, record.get("metrics", {})
    if not runs.is_run(Path(source)):
        return {}, {}
    metrics = runs.read_metrics(source) if runs.is_finished(source) else {}
    return runs.read_config(source), metrics


def _numbered(classes: list) -> str:
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
