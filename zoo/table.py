"""`python -m zoo.table`: makes the tables of models in README and docs from the manifest of the shipped weights."""

from pathlib import Path

from tfgen import commandline
from zoo import ENTRIES, report, verify

USAGE = "python -m zoo.table"
BEGIN, END = "<!-- python -m zoo.table {} -->", "<!-- end of python -m zoo.table {} -->"  # around the table of a name
NO_WEIGHTS = "Without weights that ship, to train yourself"
KEY = {"test_nll": "NLL", "frechet": "Frechet distance"}  # the numbers of the short table
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


def table(*, into: tuple[Path, ...] = ()) -> None:
    """Prints the tables of models: papers, commands, times and numbers, as recorded in the manifest.

    Args:
        into: Markdown files, such as README.md docs/numbers.md. Each table is written into every file that has its
            marks, and the pictures of samples are drawn into docs/pictures of the first file's folder.
    """
    with commandline.bad_input():
        records = shipped()
        tables = {name: made(records) for name, made in TABLES.items()}
        if not into:
            print("\n".join(tables.values()), end="")
            return
        texts = {path: replaced(path, tables) for path in into}
    from tfgen import files

    for entry in filter(_samples, records):
        draw(entry, into[0].parent / picture(entry))
    for path, text in texts.items():
        files.write_text(path, text)


def replaced(path: Path, tables: dict[str, str]) -> str:
    """The text of a file with new tables between its marks. Raises ValueError if it has no marks."""
    text, found = path.read_text(encoding="utf-8"), False
    for name, rows in tables.items():
        begin, end = BEGIN.format(name), END.format(name)
        before, _, rest = text.partition(begin)
        if end in rest:
            text, found = f"{before}{begin}\n{rows}{end}{rest.partition(end)[2]}", True
    if not found:
        raise ValueError(f"{str(path)!r} has no marks {', '.join(map(BEGIN.format, tables))} with their ends")
    return text


def shipped() -> dict:
    """The records of the weights that ship, by their names."""
    from tfgen.storage import loading

    return {name: loading.shipped(name) for name in loading.shipped_names()}


def short(records: dict) -> str:
    """The table of the README: a row for all weights that ship, then the entries without weights."""
    rows = []
    for name, record in records.items():
        numbers = (
            f"{words} {_shown(key, record['metrics'])}" for key, words in KEY.items() if key in record["metrics"]
        )
        about = _about(name) if name in ENTRIES else f"the same, trained on {record['dataset']}"
        rows.append([f"{_page(name)}<br>{about}", _image(name), _papers(name), "<br>".join(numbers)])
    lines = _table(["entry", "samples", "paper", "numbers"], rows)
    others = ", ".join(f"{_page(name)} ({_papers(name)})" for name in ENTRIES if name not in records)
    return "\n".join([*lines, *(["", f"{NO_WEIGHTS}: {others}."] if others else [])]) + "\n"


def trainings(records: dict) -> str:
    """Every entry, and the weights of further data sets: what it is, the command that trained it, time and size."""
    rows = []
    for name in dict.fromkeys([*ENTRIES, *records]):
        command, time, size = f"python -m zoo.train {name}", "no weights ship", ""
        if name in records:
            metrics = records[name]["metrics"]
            command, time, size = records[name]["command"], _time(metrics["seconds"]), f"{metrics['parameters']:,}"
        rows.append([f"`{name}`", _about(name), f"`{command}`", time, size])
    return "\n".join(_table(["entry", "what it is", "trained by", "time", "parameters"], rows)) + "\n"


def measured(records: dict) -> str:
    """All numbers of the weights that ship, beside those of training images and of others."""
    rows = [row for entry, record in records.items() for row in _numbers(entry, record["metrics"])]
    titles = ["entry", "number", "here", "of training images", "for comparison, under protocols of their own"]
    return "\n".join(_table(titles, rows)) + "\n"


TABLES = {"entries": short, "trainings": trainings, "numbers": measured}


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
    return hasattr(_module(entry).build, "sample")


def _module(entry: str):
    """The module of an entry, or of weights of another data set."""
    from tfgen.storage import entries

    return entries.module(entry.partition("-")[0])


def _about(entry: str) -> str:
    module = _module(entry)
    return getattr(module, "ABOUT", "") or (module.__doc__ or "").partition("\n")[0]


def _papers(entry: str) -> str:
    return ", ".join(f"[{name}]({link})" for name, link in getattr(_module(entry), "PAPERS", {}).items())


def _page(entry: str) -> str:
    """A link from the README to the page of an entry."""
    return f"[`{entry}`](docs/models/{entry.partition('-')[0]}.md)"


def _image(entry: str) -> str:
    return f'<img src="{picture(entry)}" width="210" alt="samples of {entry}">' if _samples(entry) else ""


def _time(seconds: float) -> str:
    """Seconds in words: 11 min 1 s, 1 h 2 min."""
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {seconds} s"


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
