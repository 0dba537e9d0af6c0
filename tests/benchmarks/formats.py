"""The table entry x signature x format: size, time of one row, difference from Python, and what is not converted.

    python tests/benchmarks/formats.py [ENTRY ...]

Entries whose weights ship have these, the others fresh ones of their default size. Each conversion is proved as
`python -m export ENTRY --to DIR --format FORMAT` proves it, in a process without TensorFlow, which also takes the time.
"""

import argparse
import os
import tempfile
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import tfgen
from export import contract
from export.formats import options, writing
from tfgen.storage import entries, loading

COLUMNS = [(form, weights) for form in options.PACKAGES for weights in options.WEIGHTS[form]]


def loaded(entry: str):
    """The model of an entry, and what its weights are."""
    if loading.is_shipped(entry):
        return tfgen.load(entry), "shipped"
    return entries.module(entry).build(), "fresh"


def facts_of(model, entry: str, form: str, weights: str) -> dict:
    """What model.json would hold of a model in a format; of one that cannot be converted at all, why."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return writing.write(model, entry, Path(folder), form, weights)
        except (contract.ContractError, writing.ProofError) as error:
            return {"files": {}, "not_converted": {"nothing": str(error)}}


def cell(found: dict | None, weights: str) -> str:
    """A conversion in a cell of the table."""
    if found is None:
        return "-"
    loss = "" if weights == "float32" else f" ({found['loss']:.1%})"
    return f"{found['bytes'] / 1e6:.2f} MB, {found['p50_ms']:.2f} ms, {found['difference']:.0e}{loss}"


def main() -> None:
    """Prints the table as Markdown, a row as soon as it is known, then what is not converted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("entries", nargs="*", metavar="ENTRY", default=tfgen.entries())
    chosen, absent = parser.parse_args().entries, {}
    print("| entry | signature | " + " | ".join(f"{form} {weights}" for form, weights in COLUMNS) + " |")
    print("|---" * (2 + len(COLUMNS)) + "|", flush=True)
    for entry in chosen:
        model, weights_are = loaded(entry)
        facts = {column: facts_of(model, entry, *column) for column in COLUMNS}
        for (form, _), each in facts.items():
            for name, why in each["not_converted"].items():
                absent.setdefault((name, why), {}).setdefault(entry, set()).add(form)
        for name in model.signatures():
            cells = [cell(each["files"].get(name), weights) for (_, weights), each in facts.items()]
            if set(cells) != {"-"}:
                print(f"| {entry} ({weights_are}) | {name} | {' | '.join(cells)} |", flush=True)
    print()
    for (name, why), of in absent.items():
        forms = " and ".join(sorted(set.union(*of.values())))
        print(f"- `{name}` of {', '.join(of)}, {forms}: {why}.")


if __name__ == "__main__":
    main()
