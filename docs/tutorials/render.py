"""`python docs/tutorials/render.py [NAME ...]`: runs tutorials, and writes their pages, notebooks and pictures.

For each NAME.py, a percent script, this writes NAME.ipynb with its outputs, NAME.md, and the pictures that the script
saves, into pictures/. With `--text` nothing is run: where only the text of a script has changed, the outputs stay those
of the last run. It needs `pip install '.[tutorials]'`.
"""

import argparse
import re
import shutil
import tempfile
import time
from pathlib import Path

import jupytext
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
PICTURES = "pictures"
SAVED = re.compile(r'\.saved\(\s*"([\w-]+\.png)"')  # how a cell of a tutorial saves its picture
SECONDS = 1800  # a cell may take


def main() -> None:
    """The command line."""
    names = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != Path(__file__).stem)
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"any of {', '.join(names)}; all by default")
    parser.add_argument("--text", action="store_true", help="run nothing, take the outputs of the last run")
    arguments = parser.parse_args()
    chosen = arguments.names or names
    if unknown := [name for name in chosen if name not in names]:
        parser.error(f"there is no tutorial {unknown[0]!r}; there are {', '.join(names)}")
    for name in chosen:
        began = time.perf_counter()
        render(name, run_again if not arguments.text else take_outputs)
        print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)


def render(name: str, fill) -> None:
    """Writes the notebook and the page of one tutorial, whose cells `fill(name, notebook)` gives their outputs."""
    notebook = jupytext.read(FOLDER / f"{name}.py")
    fill(name, notebook)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"{name}-{number}"  # the same in every rendering
        cell.metadata.pop("execution", None)  # clock times
    notebook.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    jupytext.write(notebook, FOLDER / f"{name}.ipynb")
    (FOLDER / f"{name}.md").write_text(page(name, notebook), encoding="utf-8")


def run_again(name: str, notebook) -> None:
    """Runs a notebook in an empty folder, and keeps the pictures that it saves there."""
    with tempfile.TemporaryDirectory() as work:
        NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": work}}).execute()
        for picture in Path(work).glob("*.png"):
            shutil.copy(picture, FOLDER / PICTURES / picture.name)


def take_outputs(name: str, notebook) -> None:
    """Gives a notebook the outputs of its last run. Raises ValueError if its code has changed since."""
    new, old = ([cell for cell in each.cells if cell.cell_type == "code"] for each in (notebook, last_run(name)))
    if [cell.source for cell in new] != [cell.source for cell in old]:
        raise ValueError(f"the code of {name} has changed since it was run: render it without --text")
    for cell, ran in zip(new, old, strict=True):
        cell.outputs, cell.execution_count = ran.outputs, ran.execution_count


def last_run(name: str):
    """The notebook that the last run of a tutorial left behind."""
    return jupytext.read(FOLDER / f"{name}.ipynb")


def page(name: str, notebook) -> str:
    """A notebook that has run, as Markdown."""
    parts = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        elif cell.cell_type == "code":
            parts.append(f"```python\n{cell.source}\n```")
            parts += printed(cell)
            parts += [f"![{alt_text(cell)}]({PICTURES}/{picture})" for picture in SAVED.findall(cell.source)]
    parts[0] += f"\n\n*The script is [{name}.py]({name}.py), the notebook [{name}.ipynb]({name}.ipynb).*"
    return "\n\n".join(parts) + "\n"


def printed(cell) -> list[str]:
    """What a cell printed, or the value of its last line, as a block of text. A line on stderr is an error."""
    texts = []
    for output in cell.outputs:
        if output.output_type == "stream":
            if output.name == "stderr":
                raise RuntimeError(f"a cell printed on stderr: {output.text}")
            texts.append(output.text)
        elif "image/png" not in output.data:
            texts.append(output.data["text/plain"])
    text = "".join(texts).rstrip()
    return [f"```text\n{text}\n```"] if text else []


def alt_text(cell) -> str:
    """The title of a cell, `# %% TITLE`, says what its picture shows."""
    return cell.metadata.get("title", "picture")


if __name__ == "__main__":
    main()
