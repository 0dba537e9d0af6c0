"""The README: its Python runs as it is written, and its tables are what the command makes of the manifest."""

import re
from pathlib import Path

import pytest

from tfgen.storage import entries, loading, manifest, weights
from zoo import table

README = Path(__file__).parents[2] / "README.md"
METRICS = {
    "seconds": 3725.2,
    "parameters": 1349354,
    "test_neg_elbo": 88.3195,
    "test_nll": 84.125,
    "test_nll_error": 0.2,
}
METRICS |= {"test_nll_k": 1000, "frechet": 1.234, "floor_frechet": 0.1, "recognised_as_asked": 0.9944}
RECORD = {"entry": "cvae", "command": "python -m zoo.train cvae", "metrics": METRICS}
RECORD |= {"recipe": {}, "dataset": "mnist", "quick": {}}


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Weights of a new cvae, in place of the package's."""
    monkeypatch.setattr(loading, "shipped_folder", lambda: tmp_path / "weights")
    (tmp_path / "weights").mkdir()
    path = tmp_path / "weights" / "cvae.weights.h5"
    weights.save(entries.build("cvae", {}), path)
    manifest.record(path, **RECORD, hyperparameters={})


def test_python_runs_as_it_is_written(request):
    if not loading.shipped("cvae"):
        request.getfixturevalue("stand_in")
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert blocks
    names = {}
    for block in blocks:
        exec(block, names)
    assert names["images"].shape == (4, 28, 28, 1)
    assert names["mean"].shape == (4, 35)
    assert names["bounds"].shape == (4,)


def test_tables_are_those_of_the_manifest():
    text = README.read_text()
    written = text.partition(f"{table.BEGIN}\n")[2].partition(table.END)[0]
    assert written == table.markdown(table.shipped())


def test_a_record_is_in_the_tables_with_its_number_beside_others(capsys):
    text = table.markdown({"cvae": RECORD})
    (about,) = (line for line in text.splitlines() if "1406.5298" in line and "`cvae`" in line)
    assert "| `python -m zoo.train cvae` | 1 h 2 min | 1,349,354 |" in about
    assert 'src="docs/pictures/cvae.png"' in about
    assert "| `cvae` | test -ELBO | 88.32 |  |  |" in text
    other = entries.module("aae").OTHERS["parzen"]
    assert f"| `aae` | Parzen score | 339 ± 1.7 |  | {other} |" in table.markdown(table.shipped())
    assert "| `cvae` | test NLL | 84.12 ± 0.20 (K = 1,000) |  |  |" in text
    assert "| `cvae` | Frechet distance | 1.23 | 0.10 |  |" in text
    assert "| `cvae` | share of the digit asked for | 0.994 |  |  |" in text
    for block in text.split("\n\n"):
        assert len({line.count("|") for line in block.splitlines()}) == 1, block


def test_the_command_writes_tables_and_pictures_between_its_marks(stand_in, tmp_path, capsys):
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n")
    table.main(["--readme", str(readme)])
    assert readme.read_text() == f"before\n{table.BEGIN}\n{table.markdown(table.shipped())}{table.END}\nafter\n"
    assert (tmp_path / "docs/pictures/cvae.png").read_bytes().startswith(b"\x89PNG")
    readme.write_text("no marks")
    with pytest.raises(SystemExit) as stop:
        table.main(["--readme", str(readme)])
    assert stop.value.code == 2
    assert "has no <!-- python -m zoo.table -->" in capsys.readouterr().err
