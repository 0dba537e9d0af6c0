"""What a version directory holds: the SavedModel and all that a reader or a server wants beside it.

saved_model.pb, variables/    the graph and the weights
assets.extra/                 warm-up records, one per signature
signatures.json               what is served: names, dtypes and shapes, classes, and K of `score`
golden.npz                    golden requests and their answers
MODEL_CARD.md                 what the model is, what it is for, how it was trained, and its numbers
samples.png                   some of its samples, for the card
manifest.json                 size and SHA-256 of every other file
"""

import json
from pathlib import Path

from export import card, contract, golden, manifest, signatures, warmup


def write(model, source, version: Path, score_samples: int, name: str | None = None) -> dict:
    """Writes a model into an empty directory.

    Args:
        model: a `tfgen.Model` with trained weights.
        source: the run directory that it comes from, or the name of weights that ship.
        version: the directory.
        score_samples: K of `score`.
        name: that it is served under, its entry's by default.

    Returns:
        What `signatures.json` holds.

    Raises:
        ContractError: the model's signatures break the contract, or its functions break its signatures.
    """
    table = model.signatures(score_samples)
    facts = signatures.describe(model, table, score_samples) | {"model": name or model.entry}
    if broken := contract.violations(facts):
        raise contract.ContractError(f"the signatures of {model.entry} cannot be served: {'; '.join(broken)}")
    signatures.save(model, table, version)
    (version / contract.FILE).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    requests = golden.make(table, len(facts["classes"]))
    golden.write(version / golden.NAME, requests)
    warmup.write(version, facts["model"], requests)
    pictured = "sample" in table
    if pictured:
        card.draw(model, version / card.PICTURE)
    text = card.text(model, source, facts, card.PICTURE if pictured else "")
    (version / card.NAME).write_text(text, encoding="utf-8")
    manifest.write(version)
    return facts
