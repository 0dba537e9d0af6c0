"""The model card: what a served model is, how it was trained, its numbers, and how to read its answers."""

from pathlib import Path

from tfgen import loading, runs

NAME = "MODEL_CARD.md"
SEEDS = """
Row i of a batch is drawn from `seed[i]` alone, by the algorithm Philox: the same seed gives the same image in Python
and on a server, whatever it is batched with. `tfgen.row_seeds(seed, n)` gives the row seeds of one integer. JSON
carries integers up to 2**53 - 1 exactly.
"""
DIGITS = "A digit outside 0..9 gives a row of NaN and leaves the other rows alone."
SCORE = """
`score` answers with `elbo`, the evidence lower bound with one sample of z, and `log_likelihood`, the
importance-weighted bound on log p(x) with K = {samples} samples, both in nats. The pixels are taken as the data:
binary images give the likelihood that is reported above, grey ones the grey-level cross-entropy.
"""


def text(model, source, facts: dict) -> str:
    """The card as Markdown.

    Args:
        model: the `tfgen.Model`.
        source: a run directory or the entry's name.
        facts: what `signatures.json` holds.
    """
    config, metrics = _provenance(source)
    about = (loading.entry_module(model.entry).__doc__ or model.entry).partition("\n")[0]
    origin = {
        "entry": model.entry,
        "data set": config.get("dataset"),
        "protocol": metrics.get("protocol") or config.get("protocol"),
        "training images": (config.get("splits") or {}).get("train", {}).get("split"),
        "seed": config.get("seed"),
        "device": config.get("device"),
        "parameters": f"{model.parameter_count():,}",
    }
    numbers = {name: value for name, value in metrics.items() if name not in ("protocol", "parameters")}
    settings = (config.get("hyperparameters") or {}) | (config.get("recipe") or {})
    trained, exported = config.get("versions") or {}, runs.library_versions()
    versions = {name: f"{trained.get(name, 'not recorded')} | {version}" for name, version in exported.items()}
    parts = [f"# {model.entry}", about, _table(origin)]
    parts += ["## Numbers", _table(numbers) if numbers else "None were recorded."]
    parts += ["## Hyperparameters", _table(settings) if settings else "The entry's own."]
    parts += ["## Signatures", _signatures(facts["signatures"]), SEEDS]
    if facts["capabilities"]["conditional"]:
        parts.append(DIGITS)
    if facts["capabilities"]["score"]:
        parts.append(SCORE.format(samples=facts["score_samples"]))
    parts += ["## Versions", _table(versions, "library | trained with | exported with")]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _provenance(source) -> tuple[dict, dict]:
    """What is recorded about the weights of a run or of an entry: the settings, the numbers; empty where nothing is."""
    if str(source) in loading.entries():  # an entry's name wins over a folder
        record = loading.shipped(str(source))
        return record, record.get("metrics", {})
    if not runs.is_run(Path(source)):
        return {}, {}
    try:
        metrics = runs.read_metrics(source)
    except ValueError:  # training has not ended
        metrics = {}
    return runs.read_config(source), metrics


def _table(values: dict, header: str = "what | value") -> str:
    lines = [f"| {header} |", "|---" * (header.count("|") + 1) + "|"]
    lines += [
        f"| {name if name[0] == '`' else name.replace('_', ' ')} | {value} |"
        for name, value in values.items()
        if value is not None
    ]
    return "\n".join(lines)


def _signatures(table: dict) -> str:
    rows = {name: f"{_tensors(sides['inputs'])} | {_tensors(sides['outputs'])}" for name, sides in table.items()}
    return _table({f"`{name}`": row for name, row in rows.items()}, "signature | inputs | outputs")


def _tensors(specs: dict) -> str:
    words = []
    for name, spec in specs.items():
        shape = ", ".join(["B", *map(str, spec["shape"][1:])])
        words.append(f"`{name}` {spec['dtype']} [{shape}]")
    return ", ".join(words)
