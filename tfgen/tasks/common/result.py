"""The result of a task: rows of a table, the model's and the baselines', each metric with its error, and a figure."""

import dataclasses

import numpy as np

MODEL, BASELINE = "model", "baseline"
PLACES = 4  # behind the point at most


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of a result.

    Attributes:
        name: the method.
        kind: "model" or "baseline".
        values: metric -> (value, its standard error or None).
        setting: what was chosen on validation, in words, or what `Result.last_column` says; "" for nothing.
        group: of the rows that are compared with one another, such as a noise level; "" if all are.
    """

    name: str
    kind: str
    values: dict
    setting: str = ""
    group: str = ""


@dataclasses.dataclass(frozen=True)
class Result:
    """What a task has found.

    Attributes:
        title: what was done with which model on which images.
        metrics: name -> what it means and which way is better, in the order of the columns.
        rows: the `Row`s.
        figure: a matplotlib figure.
        conditions: what the numbers depend on, by name.
        notes: sentences for the reader.
        details: what programs may want besides, plain numbers, lists and dictionaries; for the JSON file alone.
        last_column: the heading above the settings of the rows.
    """

    title: str
    metrics: dict[str, str]
    rows: list[Row]
    figure: object
    conditions: dict
    notes: tuple[str, ...] = ()
    details: dict = dataclasses.field(default_factory=dict)
    last_column: str = "chosen on validation"

    def as_json(self) -> dict:
        """All of it but the figure, as plain numbers."""
        rows = [
            {"group": row.group, "name": row.name, "kind": row.kind, "setting": row.setting}
            | {metric: _plain(value) for metric, (value, _) in row.values.items()}
            | {f"{metric}_error": _plain(error) for metric, (_, error) in row.values.items() if error is not None}
            for row in self.rows
        ]
        return {
            "title": self.title,
            "metrics": self.metrics,
            "rows": rows,
            "notes": list(self.notes),
            "conditions": self.conditions,
            **self.details,
        }

    def as_text(self) -> str:
        """The table for a terminal."""
        from tfgen import commandline

        return "\n".join([self.title, "", commandline.table(self._cells()), "", *self._meanings(), *self.notes])

    def as_markdown(self, picture: str) -> str:
        """The table, the picture and the conditions as Markdown."""
        header, *rows = self._cells()
        lines = [f"# {self.title}", "", f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
        lines += [f"| {' | '.join(cell.replace('|', ' ') for cell in row)} |" for row in rows]
        lines += ["", *(f"- {meaning.strip()}" for meaning in self._meanings()), ""]
        lines += [f"{note}\n" for note in self.notes]
        lines += [f"![{self.title}]({picture})", ""]
        lines += [f"- {name.replace('_', ' ')}: {_in_words(value)}" for name, value in self.conditions.items()]
        return "\n".join(lines) + "\n"

    def _cells(self) -> list[tuple[str, ...]]:
        """The header and the rows, without columns that are empty."""
        table = [("", "", *(metric.replace("_", " ") for metric in self.metrics), self.last_column)]
        group = None
        for row in self.rows:
            shown = "" if row.group == group else row.group
            name = row.name if row.kind == MODEL else f"{row.name} ({row.kind})"
            group = row.group
            table.append((shown, name, *(_number(row.values.get(metric)) for metric in self.metrics), row.setting))
        kept = [i for i in range(len(table[0])) if any(row[i] for row in table[1:])]
        return [tuple(row[i] for i in kept) for row in table]

    def _meanings(self) -> list[str]:
        return [f"  {metric.replace('_', ' ')}: {meaning}" for metric, meaning in self.metrics.items()]


def means(name: str, kind: str, values: dict, **options) -> Row:
    """A row of the means over images of metrics [N], each with its standard error."""
    found = {}
    for metric, each in values.items():
        each = np.asarray(each, np.float64)
        error = each.std(ddof=1) / np.sqrt(len(each)) if len(each) > 1 else None
        found[metric] = float(each.mean()), error if error is None else float(error)
    return Row(name, kind, found, **options)


def _number(found) -> str:
    """0.987 ± 0.002: three significant digits, or as many as two digits of the error need."""
    if found is None:
        return ""
    value, error = found
    if not np.isfinite(value):
        return str(value)
    if not error or not np.isfinite(error):
        return f"{value:.0f}" if 1e4 <= abs(value) < 1e7 else f"{value:.4g}"
    places = min(PLACES, max(0, 1 - int(np.floor(np.log10(error)))))
    return f"{value:.{places}f} ± {error:.{places}f}"


def _plain(value):
    return value if value is None or isinstance(value, int) else float(f"{value:.7g}")


def _in_words(value) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return str(value)
