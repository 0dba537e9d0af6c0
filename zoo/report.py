"""How an evaluation is written: metrics.json for programs, metrics.md for people."""

from pathlib import Path

from tfgen.measures import FLOOR, MEANINGS

VALIDATION = "validation_"  # in place of "test_" before a number of validation images


def write(stem: Path, name: str, metrics: dict) -> tuple[Path, Path]:
    """Writes STEM.json and STEM.md; their paths."""
    from tfgen import files

    paths = stem.with_name(f"{stem.name}.json"), stem.with_name(f"{stem.name}.md")
    files.write_json(paths[0], metrics)
    files.write_text(paths[1], as_markdown(name, metrics))
    return paths


def check_new(stem: Path) -> None:
    """Raises ValueError if an evaluation was written to STEM.json already."""
    path = stem.with_name(f"{stem.name}.json")
    if path.exists():
        raise ValueError(f"{str(path)!r} exists already; name another folder with --to DIR, or remove it")


def as_markdown(name: str, metrics: dict) -> str:
    """A table of all numbers with what they mean, then the conditions they were measured under."""
    lines = [f"# Evaluation of {name}", "", f"Protocol {metrics['protocol']}.", ""]
    lines += ["| | model | floor | |", "|---|---|---|---|"]
    lines += [f"| {key} | {value} | {floor} | {meaning(key)} |" for key, value, floor in rows(metrics)]
    lines += ["", "The floor is the score of training images in place of samples.", ""]
    for key, value in metrics["evaluation"].items():
        if isinstance(value, dict):
            value = ", ".join(f"{library} {version}" for library, version in value.items())
        lines.append(f"- {key.replace('_', ' ')}: {value}")
    return "\n".join(lines) + "\n"


def as_text(metrics: dict) -> str:
    """The same table for a terminal."""
    table = [(key.replace("_", " "), value, floor) for key, value, floor in [("", "model", "floor"), *rows(metrics)]]
    width, middle = (max(len(row[column]) for row in table) for column in (0, 1))
    lines = [f"  {key:{width}}  {value:{middle}}  {floor}".rstrip() for key, value, floor in table]
    return "\n".join([metrics["protocol"], *lines])


def rows(metrics: dict) -> list[tuple[str, str, str]]:
    """(name, value, its floor or "") of every number that there is, in the order of `MEANINGS`."""
    names = [name for key in MEANINGS for name in (key, key.replace("test_", VALIDATION, 1)) if name in metrics]
    names = list(dict.fromkeys(names))
    return [(name, _in_words(metrics[name]), _in_words(metrics.get(FLOOR + name, ""))) for name in names]


def meaning(name: str) -> str:
    """What a number means, of the test or the validation images."""
    return MEANINGS[name.replace(VALIDATION, "test_", 1)]


def rounded(metrics: dict) -> dict:
    """Plain numbers of seven digits, which is what single precision gives."""
    return {name: _rounded(value) for name, value in metrics.items()}


def _rounded(value):
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return value if isinstance(value, int) else float(f"{value:.7g}")


def _in_words(value) -> str:
    if isinstance(value, list):
        return f"{min(value):.3f} to {max(value):.3f}"  # metrics.json has them all
    return f"{value:.5g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value
