"""The README is short, and the tables of README and docs are what the command makes of the manifest."""

from pathlib import Path

import pytest

from tfgen.storage import entries, loading, manifest, weights
from zoo import table

ROOT = Path(__file__).parents[2]
README, NUMBERS = ROOT / "README.md", ROOT / "docs" / "numbers.md"
MOST_LINES = 150
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


def between(text: str, name: str) -> str:
    return text.partition(f"{table.BEGIN.format(name)}\n")[2].partition(table.END.format(name))[0]


def marked(name: str, rows: str = "old\n") -> str:
    return f"{table.BEGIN.format(name)}\n{rows}{table.END.format(name)}\n"


def test_the_readme_is_short():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize(("document", "name"), [(README, "entries"), (NUMBERS, "trainings"), (NUMBERS, "numbers")])
def test_tables_are_those_of_the_manifest(document, name):
    assert between(document.read_text(encoding="utf-8"), name) == table.TABLES[name](table.shipped())


def test_the_short_table_has_every_entry_once():
    rows, _, others = table.short({"cvae": RECORD, "cvae-emoji": RECORD | {"dataset": "emoji"}}).partition("\n\n")
    first, second = rows.splitlines()[2:]
    assert first.startswith("| [`cvae`](docs/models/cvae.md)<br>conditional VAE")
    assert first.endswith("| NLL 84.12<br>Frechet distance 1.23 |")
    assert 'src="docs/pictures/cvae.png"' in first
    assert "1406.5298" in first
    assert second.startswith("| [`cvae-emoji`](docs/models/cvae.md)<br>the same, trained on emoji |")
    for entry in table.ENTRIES:
        assert (f"[`{entry}`](docs/models/{entry}.md)" in others) == (entry != "cvae")


def test_a_record_is_in_the_tables_with_its_number_beside_others():
    assert "| `python -m zoo.train cvae` | 1 h 2 min | 1,349,354 |" in table.trainings({"cvae": RECORD})
    text = table.measured({"cvae": RECORD})
    assert "| `cvae` | test -ELBO | 88.32 |  |  |" in text
    assert "| `cvae` | test NLL | 84.12 ± 0.20 (K = 1,000) |  |  |" in text
    assert "| `cvae` | Frechet distance | 1.23 | 0.10 |  |" in text
    assert "| `cvae` | share of the digit asked for | 0.994 |  |  |" in text
    other = entries.module("aae").OTHERS["parzen"]
    assert f"| `aae` | Parzen score | 339 ± 1.7 |  | {other} |" in table.measured(table.shipped())
    for rows in (text, table.trainings({"cvae": RECORD})):
        assert len({line.count("|") for line in rows.splitlines()}) == 1


def test_the_command_writes_tables_and_pictures_between_its_marks(stand_in, tmp_path, capsys):
    readme, numbers = tmp_path / "README.md", tmp_path / "numbers.md"
    readme.write_text(f"before\n{marked('entries')}after\n")
    numbers.write_text(marked("trainings") + marked("numbers"))
    table.main(["--into", str(readme), str(numbers)])
    records = table.shipped()
    assert readme.read_text() == f"before\n{marked('entries', table.short(records))}after\n"
    assert numbers.read_text() == marked("trainings", table.trainings(records)) + marked(
        "numbers", table.measured(records)
    )
    assert (tmp_path / "docs/pictures/cvae.png").read_bytes().startswith(b"\x89PNG")
    readme.write_text("no marks")
    with pytest.raises(SystemExit) as stop:
        table.main(["--into", str(numbers), "--into", str(readme)])
    assert stop.value.code == 2
    assert "has no marks <!-- python -m zoo.table entries -->" in capsys.readouterr().err
