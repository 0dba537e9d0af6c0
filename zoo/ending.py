"""What a training says when it has ended: its numbers, where everything is, and what to do next."""

import shlex
import textwrap
from pathlib import Path

from tfgen import measures, tasks
from tfgen.storage import runs
from zoo import ENTRIES

COLUMNS = 80  # of a terminal: what a command is for stands behind it where both fit
NAMES_WIDTH = 60  # letters of a line of file names
NATS = "nats per image"  # how the meaning of such a number ends
FOR = {
    "zoo.sample": "new images",
    "zoo.evaluate": "more numbers",
    "zoo.apply": "the tasks that suit it",
    "export.play": "a page to play with",
    "export": "for TensorFlow Serving",
}


def as_text(metrics: dict, run: Path, figures: list[Path], model) -> str:
    """The lines that a training ends with.

    Args:
        metrics: the content of metrics.json.
        run: the run directory.
        figures: the pictures that were drawn into it.
        model: the trained `tfgen.Model`.
    """
    rows = [(name.replace("_", " "), _in_words(name, value)) for name, value in metrics.items()]
    rows += [("run", run), ("weights", run / runs.WEIGHTS)]
    if figures:
        names = textwrap.wrap(", ".join(path.name for path in figures), NAMES_WIDTH)
        rows += [("figures", run / runs.FIGURES), *(("", line) for line in names)]
    width = max(len(name) for name, _ in rows)
    table = [f"  {name:{width}}  {value}" for name, value in rows]
    example = f"sample(label={model.class_names[-1]!r})" if model.conditional else "sample(4, seed=0)"
    if "sample" not in model.signatures():
        example = "reconstruct(images)" if "reconstruct" in model.signatures() else "complete(damaged, seed=0)"
    module = type(model).__module__ if model.entry not in ENTRIES else ""
    registered = f"tfgen.register({module!r}); " if module else ""
    python = f"In Python: {registered}tfgen.load({str(run)!r}).{example}"
    return "\n".join(["", *table, "", python, "What to do next:", *_described(next_steps(model, run, module))])


def next_steps(model, run: Path, register: str = "") -> dict[str, str]:
    """Module -> the command line that starts it on a run, of those that its model can follow.

    Args:
        model: the trained `tfgen.Model`.
        run: its run directory.
        register: the module that registers the model; "" for a model of the zoo.
    """
    from tfgen.tasks.common import abilities

    can, path = model.signatures(), shlex.quote(str(run))
    suits = any(abilities.methods(model, tasks.module(name).ASKS) for name in tasks.names())
    possible = {
        "zoo.sample": f"{path} --out samples.png" if "sample" in can else "",
        "zoo.evaluate": path,
        "zoo.apply": f"--list {path}" if suits else "",
        "export.play": path if "decode" in can else "",
        "export": f"{path} --to served",
    }
    registered = f" --register {register}" if register else ""
    return {module: f"python -m {module} {words}{registered}" for module, words in possible.items() if words}


def _described(commands: dict[str, str]) -> list[str]:
    """A line a command, with what it is for behind it where the terminal has room for both."""
    width = max(map(len, commands.values()))
    lines = {command: f"  {command:{width}}  # {FOR[module]}" for module, command in commands.items()}
    return [line if len(line) <= COLUMNS else f"  {command}" for command, line in lines.items()]


def _in_words(name: str, value) -> str:
    """A number of metrics.json for reading, with its unit where it is one of nats or of seconds."""
    shown = f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value
    if measures.MEANINGS.get(name, "").endswith(NATS):
        return f"{shown} {NATS}"
    return f"{shown} s" if name == "seconds" else shown
