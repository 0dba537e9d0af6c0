"""`python -m zoo.table`: the README's tables of models, made from the manifest of the weights that ship."""

from pathlib import Path

from tfgen import commandline
from zoo import ENTRIES, report, verify

USAGE = "python -m zoo.table"
BEGIN, END = "<!-- python -m zoo.table -->", "<!-- end of python -m zoo.table -->"
SHOWN = {  # a number's name in metrics.json -> in the table
    "test_neg_elbo": "test -ELBO",
    "test_nll": "test NLL",
    "parzen": "Parzen score",
    "parzen_fine": "Parzen score, 46 bandwidths",
    "recognised_as_asked": "share of the digit asked for",
    "frechet": "Frechet distance",
    "kid": "kernel distance",
    "precision": "precision",
    "recall": "recall",
}
COLUMNS, ROWS = 10, 3  # of the picture of samples


def main(arguments: list[str] | None = None) -> None:
    """The command line: the options of `table`."""
    commandline.run(table, arguments, USAGE)


def table(*, readme: Path | None = None) -> None:
    """Prints the tables of models: papers, commands, times and numbers, as the manifest has them.

    Args:
        readme: writes them into this file, between the marks that it holds, and a picture of samples of each entry into
            docs/pictures beside it.
    """
    with commandline.bad_input():
        records = shipped()
        text = markdown(records)
        if readme is None:
            print(text, end="")
            return
        before, _, after = readme.read_text(encoding="utf-8").partition(BEGIN)
        if END not in after:
            raise ValueError(f"{str(readme)!r} has no {BEGIN} ... {END}")
    from tfgen import files

    for entry in filter(_samples, records):
        draw(entry, readme.parent / picture(entry))
    files.write_text(readme, f"{before}{BEGIN}\n{text}{END}{after.partition(END)[2]}")


def shipped() -> dict:
    """The records of the weights that ship, by their names."""
    from tfgen.storage import loading

    return {name: loading.shipped(name) for name in loading.shipped_names()}


def markdown(records: dict) -> str:
    """The tables: entries and weights of further data sets, how these were trained, and their numbers."""
    titles = ["entry", "paper", "what it is", "samples", "trained by", "in", "parameters"]
    lines = _table(titles, [_about(name, records) for name in dict.fromkeys([*ENTRIES, *records])])
    numbers = [row for entry, record in records.items() for row in _numbers(entry, record["metrics"])]
    if numbers:
        titles = ["entry", "number", "here", "of training images", "for comparison, under protocols of their own"]
        lines += ["", *_table(titles, numbers)]
    return "\n".join(lines) + "\n"


def draw(entry: str, path: Path) -> None:
    """Draws samples of an entry's shipped weights; of a conditional one the classes in columns."""
    import numpy as np

    import tfgen
    from tfgen import figures
    from tfgen.evaluation import images as seen

    path.parent.mkdir(parents=True, exist_ok=True)
    images = seen.samples(tfgen.load(entry), np.resize(np.arange(COLUMNS), COLUMNS * ROWS))
    figures.save(figures.grid(images, COLUMNS), path)


def picture(entry: str) -> str:
    """Where the picture of an entry's samples lies, seen from the README."""
    return f"docs/pictures/{entry}.png"


def _samples(entry: str) -> bool:
    """Whether models of an entry draw samples."""
    from tfgen.storage import entries

    return hasattr(entries.module(entry.partition("-")[0]).build, "sample")


def _about(entry: str, records: dict) -> list[str]:
    from tfgen.storage import entries

    module = entries.module(entry.partition("-")[0])
    papers = ", ".join(f"[{name}]({link})" for name, link in getattr(module, "PAPERS", {}).items())
    what = getattr(module, "ABOUT", "") or (module.__doc__ or "").partition("\n")[0]
    cells = [f"`{entry}`", papers, what]
    if entry in records:
        record = records[entry]
        minutes, seconds = divmod(round(record["metrics"]["seconds"]), 60)
        time = f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {seconds} s"
        image = f'<img src="{picture(entry)}" width="210" alt="samples of {entry}">' if _samples(entry) else "none"
        return [*cells, image, f"`{record['command']}`", time, f"{record['metrics']['parameters']:,}"]
    return [*cells, "no weights ship", f"`python -m zoo.train {entry}`", "", ""]


def _numbers(entry: str, metrics: dict) -> list[list[str]]:
    """A row for each number that is shown of an entry."""
    from tfgen.storage import entries

    others = getattr(entries.module(entry), "OTHERS", {}) if entry in ENTRIES else {}  # these are of mnist
    rows = []
    for name in (name for name in SHOWN if name in metrics):
        value, error = _shown(name, metrics), _shown(f"{name}_error", metrics)
        samples = f" (K = {metrics['test_nll_k']:,})" if name == "test_nll" and "test_nll_k" in metrics else ""
        floor = _shown(report.FLOOR + name, metrics)
        here = f"{value} ± {error}{samples}" if error else value
        rows.append([f"`{entry}`", SHOWN[name], here, floor, others.get(name, "")])
    return rows


def _shown(name: str, metrics: dict) -> str:
    """A number with its decimals; "" if there is none."""
    decimals = verify.DECIMALS.get(name.removeprefix(report.FLOOR), 2)
    return f"{metrics[name]:.{decimals}f}" if name in metrics else ""


def _table(titles: list[str], rows: list[list[str]]) -> list[str]:
    header, *body = (f"| {' | '.join(row)} |" for row in (titles, *rows))
    return [header, "|---" * len(titles) + "|", *body]


if __name__ == "__main__":
    main()
