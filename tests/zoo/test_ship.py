"""Weights in the package: shipped compactly, loaded by name, refused when damaged, and verified number by number."""

import json
import shutil

import h5py
import numpy as np
import pytest

import tfgen
from export import card
from tfgen.storage import entries, loading, manifest, runs, weights
from tfgen.training import loop
from zoo import commands, evaluate, ship, train, verify

SMALL = ("--dataset", "digits", "--epochs", "2", "--hidden-units", "16", "--latent-dim", "3", "--seed", "3")


@pytest.fixture(scope="module")
def quickly():
    """Evaluations of few samples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "SAMPLES", 200)
        patch.setattr(verify, "QUICK", {"images": 50, "k": 5})
        patch.setattr(loop, "uses_xla", lambda model: False)  # whose compilation takes longer than the training
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory, quickly, no_steps):
    """A small cvae of its first weights, whose numbers are told and checked like those of a trained one."""
    run = tmp_path_factory.mktemp("runs") / "small"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "draw", lambda *arguments: [])
        patch.setattr(loop, "fit", no_steps)
        train.main(["cvae", *SMALL, "--run-dir", str(run)])
        evaluate.main([str(run), "--k", "5"])
    return run


@pytest.fixture(scope="module")
def shipped_once(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shipped") / "weights"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "USUAL", "digits")
        ship.main([str(run), "--to", str(folder)])
    return folder


@pytest.fixture
def shipped(shipped_once, tmp_path, monkeypatch):
    """A copy of the folder that the run was shipped to, in the place of the package's own."""
    folder = tmp_path / "weights"
    folder.mkdir()
    for path in shipped_once.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(loading, "shipped_folder", lambda: folder)
    monkeypatch.setattr(loading, "USUAL", "digits")
    return folder


@pytest.fixture
def shipped_of_digits(shipped, monkeypatch):
    """The same beside weights of another data set: cvae-digits, and no cvae."""
    monkeypatch.undo()
    records = manifest.read(shipped)
    (shipped / "cvae.weights.h5").rename(shipped / "cvae-digits.weights.h5")
    (shipped / "manifest.json").write_text(json.dumps({"cvae-digits.weights.h5": records["cvae.weights.h5"]}))
    monkeypatch.setattr(loading, "shipped_folder", lambda: shipped)
    return shipped


def ended(capsys, *arguments):
    """`python -m zoo.verify ARGUMENTS` in this process: (exit code, stdout, stderr)."""
    capsys.readouterr()
    code = 0
    try:
        verify.main(list(arguments))
    except SystemExit as stop:
        code = stop.code
    return code, *capsys.readouterr()


def test_the_record_says_all_there_is_to_know(run, shipped):
    assert sorted(path.name for path in shipped.iterdir()) == ["cvae.weights.h5", "manifest.json"]
    record, config, metrics = loading.shipped("cvae"), runs.read_config(run), runs.read_metrics(run)
    path = shipped / "cvae.weights.h5"
    assert {name: record[name] for name in ("bytes", "sha256")} == manifest.fingerprint(path)
    command = "python -m zoo.train cvae --epochs 2 --dataset digits --seed 3 --latent-dim 3 --hidden-units 16"
    assert record["command"] == command
    for name in ("entry", "hyperparameters", "recipe", "dataset", "protocol", "splits", "seed", "versions"):
        assert record[name] == config[name]
    assert record["metrics"] == metrics
    assert {"test_neg_elbo", "test_nll", "test_nll_error"} <= set(record["quick"])


def test_a_training_by_the_recipe_is_a_short_command():
    module = entries.module("vae")
    settings = {"epochs": 65, "batch_size": module.BATCH_SIZE, "learning_rate": module.LEARNING_RATE}
    config = {"entry": "vae", "recipe": settings, "dataset": "mnist", "seed": 0}
    config |= {"splits": {"train": {"images": 55_000}}}
    written = json.loads(json.dumps(entries.defaults("vae")))  # as config.json has them: tuples are lists
    assert ship.training_command(config | {"hyperparameters": written}) == "python -m zoo.train vae"


def test_weights_ship_in_half_precision_and_compressed(run, shipped):
    numbers = sum(array.size for array in tfgen.load(run).get_weights())
    assert loading.shipped("cvae")["precision"] == "bfloat16"
    stored = []
    with h5py.File(shipped / "cvae.weights.h5") as file:
        file.visititems(lambda name, item: stored.append(item) if isinstance(item, h5py.Dataset) else None)
        assert {item.dtype for item in stored} == {np.dtype("float16")}
        assert {item.compression for item in stored} == {"gzip"}
        assert sum(item.size for item in stored) == numbers
        assert sum(item.id.get_storage_size() for item in stored) < 2 * numbers


def test_single_precision_is_kept_where_half_changes_a_number(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(verify, "DECIMALS", {"test_neg_elbo": 9})
    ship.main([str(run), "--to", str(tmp_path)])
    tried = [line.split(":")[0] for line in capsys.readouterr().out.splitlines()]
    assert tried[:3] == ["bfloat16", "float16", "float32"]
    assert manifest.read(tmp_path)["cvae-digits.weights.h5"]["precision"] == "float32"
    other = entries.build("cvae", runs.read_config(run)["hyperparameters"])
    weights.load(other, tmp_path / "cvae-digits.weights.h5")
    for ours, theirs in zip(tfgen.load(run).get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_bfloat16_is_stored_as_float16_that_takes_less_room(run, tmp_path):
    source, sizes = run / runs.WEIGHTS, []
    for precision in ("bfloat16", "float16"):
        ship.pack(source, tmp_path / precision, precision)
        sizes.append((tmp_path / precision).stat().st_size)
    assert sizes[0] < sizes[1]
    manifest.record(tmp_path / "bfloat16")
    packed = tfgen.load(run)
    weights.load(packed, tmp_path / "bfloat16")
    for exact, rounded in zip(tfgen.load(run).get_weights(), packed.get_weights(), strict=True):
        np.testing.assert_allclose(rounded, exact, rtol=2**-8, atol=2**-24)


def test_an_entry_loads_by_name_and_answers_as_its_run_does(run, shipped):
    model, trained = tfgen.load("cvae"), tfgen.load(run)
    assert model.latent_dim == 3
    images = model.sample(10, digit=np.arange(10), seed=0)
    np.testing.assert_allclose(images, trained.sample(10, digit=np.arange(10), seed=0), atol=0.01)


def test_a_loaded_model_goes_on_training_with_fit(shipped, digits):
    model = tfgen.load("cvae")
    losses = model.fit(digits.train.images, digits.train.labels, batch_size=100, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert float(model.optimizer.learning_rate) == pytest.approx(0.1 * entries.module("cvae").LEARNING_RATE)


def test_a_run_goes_on_with_a_tenth_of_its_own_step_size_and_its_own_clipping(run, tmp_path):
    other = shutil.copytree(run, tmp_path / "run")
    config = runs.read_config(run)
    config["recipe"] |= {"learning_rate": 1e-5, "clip_norm": 3.0}
    (other / runs.CONFIG).write_text(json.dumps(config))
    model = tfgen.load(other)
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-6)
    assert model.clip_norm == 3.0


def test_a_flipped_byte_is_refused_with_both_hashes_by_load_and_verify(shipped, capsys):
    path = shipped / "cvae.weights.h5"
    expected = loading.shipped("cvae")["sha256"]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    found = manifest.fingerprint(path)["sha256"]
    with pytest.raises(ValueError, match="SHA-256 mismatch") as caught:
        tfgen.load("cvae")
    code, _, error = ended(capsys, "--quick")
    for said in (str(caught.value), error):
        assert all(word in said for word in (str(path), expected, found))
    assert code == 1


def test_what_is_not_the_recorded_file_in_its_folder_is_refused(shipped, tmp_path):
    path, records = shipped / "cvae.weights.h5", json.loads((shipped / "manifest.json").read_text())
    path.rename(tmp_path / "elsewhere.weights.h5")
    path.symlink_to(tmp_path / "elsewhere.weights.h5")
    with pytest.raises(ValueError, match="symbolic link"):
        tfgen.load("cvae")
    (shipped / "manifest.json").write_text(json.dumps({"../elsewhere.weights.h5": records["cvae.weights.h5"]}))
    path.unlink()
    with pytest.raises(ValueError, match="no weights ship for 'cvae' yet; train it"):
        tfgen.load("cvae")
    path.write_bytes(b"from somewhere")
    with pytest.raises(ValueError, match=r"manifest\.json' has no record of cvae\.weights\.h5"):
        tfgen.load("cvae")
    for name in ("../elsewhere", "cvae.weights.h5", "weights/cvae", "CVAE"):
        with pytest.raises(ValueError, match="neither an entry"):
            tfgen.load(name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hyperparameters": {"latent_dim": 4, "hidden_units": [16]}}, "does not hold weights of this cvae"),
        ({"hyperparameters": {"depth": 4}}, "no hyperparameter 'depth'"),
        ({"entry": "vae"}, "as weights of 'vae'"),
    ],
)
def test_a_record_that_does_not_fit_the_file_is_refused(shipped, change, message):
    records = manifest.read(shipped)
    records["cvae.weights.h5"] |= change
    (shipped / "manifest.json").write_text(json.dumps(records))
    with pytest.raises(ValueError, match=message):
        tfgen.load("cvae")


def test_verify_recomputes_every_number(shipped, capsys):
    for options in (["cvae"], ["--quick"]):
        code, said, error = ended(capsys, *options)
        assert (code, error) == (0, "")
        rows = [line for line in said.splitlines() if line.startswith("cvae")]
        assert len(rows) >= 7
        assert all(row.endswith("  ok") for row in rows)


@pytest.mark.parametrize("numbers", ["metrics", "quick"])
def test_verify_fails_with_the_row_that_differs(shipped, capsys, numbers):
    records = manifest.read(shipped)
    if numbers == "quick":
        del records["cvae.weights.h5"]["quick"]["test_rate"]
    else:
        records["cvae.weights.h5"]["metrics"]["test_rate"] += 0.02
    (shipped / "manifest.json").write_text(json.dumps(records))
    code, said, error = ended(capsys, *(["--quick"] if numbers == "quick" else []))
    assert code == 1
    assert [line.split()[1] for line in said.splitlines() if line.endswith("DIFFERS")] == ["test_rate"]
    assert error.startswith("error: cvae: test_rate is ")


@pytest.mark.parametrize("key", ["hyperparameters", "recipe", "dataset", "command", "metrics", "quick"])
@pytest.mark.parametrize("value", [None, 3])
def test_a_record_that_lacks_something_is_named(shipped, capsys, key, value):
    records = manifest.read(shipped)
    records["cvae.weights.h5"][key] = value
    (shipped / "manifest.json").write_text(json.dumps(records))
    with pytest.raises(ValueError, match=f"manifest.json' is damaged: cvae.weights.h5.{key}: .*, got {value}"):
        tfgen.load("cvae")
    code, _, error = ended(capsys, "--quick")
    assert (code, len(error.splitlines())) == (2, 1)


def test_verify_looks_at_the_floor_that_is_on_record():
    numbers = {"frechet": 1.0, "floor_frechet": 0.16}
    assert all(row.agrees for row in verify.compare("vae", numbers, numbers))
    (wrong,) = (row for row in verify.compare("vae", numbers, numbers | {"floor_frechet": 1.6}) if not row.agrees)
    assert wrong.name == "floor_frechet"
    assert [row.name for row in verify.compare("vae", {"frechet": 1.0}, numbers)] == ["frechet"]


@pytest.mark.parametrize("recorded", [{}, {"class_shares": [0.5]}, {"class_shares": [0.5, float("nan")]}])
def test_a_number_that_is_missing_or_not_a_number_does_not_agree(recorded):
    for before, now in ((recorded, {"class_shares": [0.5, 0.5]}), ({"class_shares": [0.5, 0.5]}, recorded)):
        (row,) = verify.compare("vae", before, now)
        assert not row.agrees


def test_verify_says_what_does_not_ship(shipped, capsys):
    code, _, error = ended(capsys, "vae")
    assert (code, error) == (2, "error: no weights ship for vae; there are those of cvae\n")
    code, _, error = ended(capsys, "vea")
    assert (code, error.splitlines()) == (
        2,
        [f"error: unknown entry 'vea'; the zoo has {', '.join(tfgen.entries())} (did you mean 'vae'?)"],
    )


def test_a_card_of_an_entry_tells_what_the_manifest_knows(shipped):
    config, metrics = card.provenance("cvae")
    assert (config["entry"], config["seed"]) == ("cvae", 3)
    assert metrics["test_neg_elbo"] == loading.shipped("cvae")["metrics"]["test_neg_elbo"]
    assert card.provenance("vae") == ({}, {})


def test_weights_of_another_data_set_are_called_by_both_names(shipped_of_digits, run, tmp_path, monkeypatch, capsys):
    trained = tfgen.load("cvae", dataset="digits")
    np.testing.assert_array_equal(trained.get_weights()[0], tfgen.load("cvae-digits").get_weights()[0])
    assert loading.shipped_names() == ["cvae-digits"]
    with pytest.raises(ValueError, match="no weights of 'cvae' ship for the data set 'mnist'; they ship for digits"):
        tfgen.load("cvae", dataset="mnist")
    with pytest.raises(ValueError, match=r"no weights ship for 'vae' yet; .* vae --dataset digits"):
        tfgen.load("vae", dataset="digits")
    with pytest.raises(ValueError, match="dataset chooses among the weights that ship for an entry"):
        tfgen.load(run, dataset="digits")
    code, said, error = ended(capsys, "--quick")
    assert (code, error) == (0, "")
    assert said.count("cvae-digits") > 5
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cvae-2").mkdir()
    assert commands.run_of("cvae-digits") is None
    assert str(commands.run_of("cvae-2")) == "cvae-2"  # a folder, since no such weights ship
    assert commands.dataset_of("cvae-digits", None).name == "digits"
    assert card.provenance("cvae-digits")[0]["dataset"] == "digits"


def test_weights_ship_under_the_name_of_their_data_set(run, tmp_path):
    ship.main([str(run), "--to", str(tmp_path)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cvae-digits.weights.h5", "manifest.json"]


def test_only_finished_and_evaluated_runs_that_fit_are_shipped(run, trained_run, tmp_path, monkeypatch, capsys):
    def refused(*arguments):
        with pytest.raises(SystemExit) as stop:
            ship.main([str(argument) for argument in arguments])
        return stop.value.code, capsys.readouterr().err.splitlines()[-1]

    folder = tmp_path / "weights"
    code, error = refused(trained_run, "--to", folder)
    assert (code, error) == (2, f"error: '{trained_run}' is not evaluated: python -m zoo.evaluate {trained_run}")
    assert refused("cvae")[1] == "error: 'cvae' is an entry; what can be shipped is a run directory"
    stale = shutil.copytree(run, tmp_path / "stale")
    metrics = runs.read_metrics(run)
    runs.write_metrics(stale, metrics | {"test_rate": metrics["test_rate"] + 0.02})
    assert "other numbers than its metrics.json (test_rate)" in refused(stale, "--to", folder)[1]
    monkeypatch.setattr(ship, "LIMIT", 1000)
    assert "more than 0 MB" in refused(run, "--to", folder)[1]
    assert manifest.read(folder) == {}


@pytest.mark.parametrize("entry", tfgen.entries())
def test_what_ships_is_what_its_record_says(entry):
    record = loading.shipped(entry)
    if not record:
        pytest.skip(f"no weights ship for {entry} yet")
    model = tfgen.load(entry)
    assert model.parameter_count() == record["metrics"]["parameters"]
    assert record["protocol"] == f"mnist-{model.pixels.protocol}"
    assert "evaluation" in record["metrics"]


def test_all_that_ships_is_on_record_and_small():
    folder = loading.shipped_folder()
    records = manifest.read(folder)
    texts = {name: " ".join(entries.module(name).__doc__.split()) for name in tfgen.entries()}
    ship_by_their_docstring = {name for name, text in texts.items() if "these weights ship" in text}
    classifiers = {"classifier", "classifier-fashion_mnist"}
    assert set(records) == {f"{name}.weights.h5" for name in (*classifiers, *loading.shipped_names())}
    assert {name for name in loading.shipped_names() if "-" not in name} == ship_by_their_docstring
    assert all(records[f"{name}.weights.h5"]["bytes"] <= 1_000_000 for name in classifiers)
    assert {path.name for path in folder.iterdir()} == {manifest.NAME, *records}
    for name in records:
        manifest.checked(folder / name)
    assert sum(record["bytes"] for record in records.values()) <= ship.LIMIT
