"""`python -m zoo.evaluate`: what it measures for each model, what it writes, and what it leaves alone."""

import dataclasses
import functools
import json
import shutil

import keras
import numpy as np
import pytest

import tfgen
from tfgen import commandline
from tfgen.evaluation import recognition, scores
from tfgen.evaluation.images import as_float
from tfgen.storage import entries, runs
from zoo import classifier, evaluate, report

LIKELIHOOD = {
    "test_neg_elbo",
    "test_rate",
    "test_distortion",
    "test_nll",
    "test_nll_error",
    "test_nll_k",
    "active_units",
}
EXACT = {"test_nll", "test_nll_error"}
FEATURES = {"frechet", "kid", "kid_error", "precision", "recall", "confidence", "class_shares", "class_entropy"}
SLOW = (pytest.mark.slow, pytest.mark.ci)
CONDITIONAL = next(entry for entry in tfgen.entries() if entries.module(entry).build.conditional)
UNMONITORED = next(entry for entry in tfgen.entries() if entries.module(entry).build.monitor is None)
PARZEN = {f"parzen{grid}{kind}" for grid in ("", "_fine") for kind in ("", "_error", "_bandwidth")}


def small(entry):
    """A model of an entry with fresh weights, as small as its module makes it for tests."""
    keras.utils.set_random_seed(0)
    return entries.build(entry, entries.module(entry).SMALL)


def own_numbers(model) -> set[str]:
    """What a model is measured by besides the features of its samples, by what it can be asked."""
    abilities = model.signatures()
    of_code = {"kl_per_dimension"} if "encode" in abilities and "latent_mean" in abilities["encode"].outputs else set()
    asked = {"recognised_as_asked"} if model.conditional else set()
    if "score" in abilities:
        unseen = set() if "encode" in abilities else {"active_units"}
        return (LIKELIHOOD - unseen if "elbo" in abilities["score"].outputs else EXACT) | of_code | asked
    if "sample" not in abilities:
        return {f"test_{name}" for name in model.reported if name != "loss"}
    with_encoder = {"test_distortion", "code_mean_error", "code_covariance_error"} if "encode" in abilities else set()
    return PARZEN | with_encoder | asked


@pytest.fixture(scope="module")
def as_mnist(digits):
    """The embedded digits under MNIST's name, which the classifier looks at."""
    return dataclasses.replace(digits, name="mnist")


@pytest.fixture
def run(trained_run, tmp_path):
    """A copy of the small run, to write into."""
    return shutil.copytree(trained_run, tmp_path / "run")


@pytest.fixture
def command(call):
    """A function that runs `python -m zoo.evaluate ARGUMENTS` in this process: (exit code, stdout, stderr)."""
    return functools.partial(call, evaluate.main)


@pytest.fixture(scope="module")
def features_file(tmp_path_factory):
    """A Keras model of 28 x 28 images in a file: the means of 16 squares of 7 x 7 pixels."""
    path = tmp_path_factory.mktemp("features") / "squares.keras"
    image = keras.Input((28, 28, 1))
    keras.Model(image, keras.layers.Flatten()(keras.layers.AveragePooling2D(7)(image))).save(path)
    return path


@pytest.mark.parametrize(
    "entry",
    [entry if entry in (CONDITIONAL, UNMONITORED) else pytest.param(entry, marks=SLOW) for entry in tfgen.entries()],
)
def test_every_model_is_measured_by_all_that_it_has(entry, as_mnist):
    model = small(entry)
    metrics = evaluate.evaluate(model, as_mnist, evaluate.recogniser(as_mnist), k=2, images=40)
    numbers = {name: value for name, value in metrics.items() if name not in ("protocol", "evaluation")}
    of_samples = FEATURES | {f"floor_{name}" for name in FEATURES} if "sample" in model.signatures() else set()
    assert set(numbers) == of_samples | own_numbers(model)
    assert all(np.isfinite(value).all() for value in numbers.values())
    assert set(numbers) <= set(report.MEANINGS) | {f"floor_{name}" for name in FEATURES}
    assert metrics["protocol"] == f"mnist-{model.pixels.protocol}, first 40 test images only"
    conditions = metrics["evaluation"]
    assert conditions["test_images"] == "40, the first of shuffled[1497:]"
    assert {"tensorflow", "scipy", "scikit-learn"} <= set(conditions["versions"])
    assert json.loads(json.dumps(metrics)) == metrics
    if "sample" not in model.signatures():
        return
    assert (conditions["samples"], conditions["seed"]) == (40, 0)
    assert conditions["floor"] == "40, the first of shuffled[:1297]"


def test_test_images_themselves_are_the_perfect_samples(as_mnist):
    test = as_mnist.test
    images = as_float(test.images)
    measured = functools.partial(
        evaluate.in_features, evaluate.recogniser(as_mnist), dataset=as_mnist, track=lambda loop, name: loop
    )
    found, _ = measured(images, asked=test.labels)
    assert found["frechet"] == pytest.approx(0, abs=1e-4)
    assert (found["precision"], found["recall"]) == (1, 1)
    assert abs(found["kid"]) < 4 * found["kid_error"]
    assert found["recognised_as_asked"] > 0.5  # the classifier has not seen these digits, but those of MNIST
    assert found["floor_frechet"] > 0.01
    noise = np.random.default_rng(0).random(images.shape, np.float32)
    worse, _ = measured(noise, asked=test.labels)
    assert worse["frechet"] > 10 * found["floor_frechet"]
    assert worse["kid"] > found["floor_kid"] + 10 * found["floor_kid_error"]
    assert worse["precision"] < 0.1
    assert worse["recognised_as_asked"] < 0.3


def test_evaluation_of_a_run_joins_the_numbers_of_its_training(run, command, digits):
    before = json.loads((run / runs.METRICS).read_text())
    code, output, error = command(run, "--k", "3")
    assert (code, error) == (0, "")
    note = "no classifier ships for digits, and the scores in features are left out"
    assert f"note: {note}; python -m zoo.classifier --dataset digits trains one for --features" in output
    metrics = json.loads((run / runs.METRICS).read_text())
    assert metrics.items() >= before.items()
    assert set(metrics) - set(before) == {
        "test_nll",
        "test_nll_error",
        "test_nll_k",
        "active_units",
        "kl_per_dimension",
        "evaluation",
    }
    bounds = tfgen.load(run).log_likelihood(digits.test.binarised(), k=3, seed=0).numpy()
    assert metrics["test_nll"] == pytest.approx(-bounds.mean(), rel=1e-5)
    assert metrics["test_nll_k"] == 3
    assert sum(metrics["kl_per_dimension"]) == pytest.approx(metrics["test_rate"], rel=1e-4)
    assert metrics["evaluation"]["left_out"].startswith("no classifier ships for digits")
    text = (run / "metrics.md").read_text()
    for word in ("digits-dynamic", f"{metrics['test_nll']:.5g}", "seed: 0", "scikit-learn", "300, shuffled[1497:]"):
        assert word in text
    assert f"{metrics['test_nll']:.5g}" in output
    assert str(run / "metrics.md") in output


def test_a_run_that_is_not_finished_stays_so(run, command, tmp_path):
    """Its numbers are the mark of a finished run."""
    (run / runs.METRICS).unlink()
    code, _, error = command(run, "--images", "40", "--k", "2")
    assert (code, error) == (
        2,
        f"error: {run} is not finished: resume it, or say where its numbers go with --to DIR\n",
    )
    assert not runs.is_finished(run)
    assert command(run, "--images", "40", "--k", "2", "--to", tmp_path / "apart")[0] == 0


def test_partial_evaluation_is_named_as_such_and_replaces_nothing(run, command):
    before = (run / runs.METRICS).read_bytes()
    code, output, _ = command(run, "--k", "2", "--images", "20")
    assert code == 0
    assert (run / runs.METRICS).read_bytes() == before
    assert not (run / "metrics.md").exists()
    metrics = json.loads((run / "metrics-first-20.json").read_text())
    assert metrics["protocol"] == "digits-dynamic, first 20 test images only"
    assert metrics["protocol"] in output
    assert metrics["protocol"] in (run / "metrics-first-20.md").read_text()


def test_validation_numbers_are_named_as_such_and_replace_nothing(run, command, digits):
    before = (run / runs.METRICS).read_bytes()
    code, output, _ = command(run, "--k", "2", "--split", "validation")
    assert code == 0
    assert (run / runs.METRICS).read_bytes() == before
    assert not (run / "metrics.md").exists()
    metrics = json.loads((run / "metrics-validation.json").read_text())
    assert metrics["protocol"] == "digits-dynamic, validation images"
    assert metrics["protocol"] in output
    assert "validation nll" in output
    assert "| validation_nll |" in (run / "metrics-validation.md").read_text()
    assert not [name for name in metrics if name.startswith("test_")]
    assert metrics["evaluation"]["validation_images"] == "200, shuffled[1297:1497]"
    bits = digits.validation.binarised()
    assert metrics["validation_neg_elbo"] == pytest.approx(-tfgen.load(run).elbo(bits, seed=0).numpy().mean(), rel=1e-5)
    best = min(row["val_neg_elbo"] for row in runs.read_history(run))
    assert metrics["validation_neg_elbo"] == pytest.approx(best, rel=1e-5)
    assert command(run, "--k", "2", "--split", "validation", "--images", "20")[0] == 0
    partial = json.loads((run / "metrics-validation-first-20.json").read_text())
    assert partial["protocol"] == "digits-dynamic, first 20 validation images only"


def test_a_parzen_score_on_validation_leaves_out_what_chose_its_bandwidth(as_mnist, monkeypatch):
    seen = {}
    monkeypatch.setattr(
        "tfgen.evaluation.parzen.parzen_score",
        lambda samples, validation, test, track: seen.update(validation=validation, test=test) or {},
    )
    model = small(next(entry for entry in tfgen.entries() if "score" not in small(entry).signatures()))
    evaluate.evaluate(model, as_mnist, None, images=40, split="validation")
    np.testing.assert_array_equal(
        np.concatenate([seen["validation"], seen["test"]]), as_float(as_mnist.validation.images[:40])
    )
    assert len(seen["test"]) == 20


def test_evaluations_stand_side_by_side_and_none_is_lost(run, command, tmp_path):
    to = tmp_path / "apart"
    assert command(run, "--k", "2", "--to", to)[0] == 0
    assert command(run, "--k", "2", "--images", "20", "--to", to)[0] == 0
    before = (to / "metrics.json").read_bytes()
    code, _, error = command(run, "--k", "3", "--to", to)
    assert (code, error) == (
        2,
        f"error: '{to / 'metrics.json'}' exists already; name another folder with --to DIR, or remove it\n",
    )
    assert (to / "metrics.json").read_bytes() == before


def test_all_that_is_drawn_follows_the_seed(as_mnist):
    model = small("vae")
    network = evaluate.recogniser(as_mnist)
    first, again, other = (evaluate.evaluate(model, as_mnist, network, k=2, images=40, seed=seed) for seed in (1, 1, 2))
    drawn = ["test_neg_elbo", "test_distortion", "test_nll", "frechet", "kid", "floor_kid"]
    assert [first[name] for name in drawn] == [again[name] for name in drawn]
    assert not [name for name in drawn if first[name] == other[name]]


def test_a_damaged_classifier_is_refused_before_any_work(run, command, tmp_path, as_mnist, monkeypatch):
    shutil.copytree(classifier.WEIGHTS.parent, tmp_path / "weights")
    path = tmp_path / "weights" / classifier.WEIGHTS.name
    path.write_bytes(path.read_bytes() + b"0")
    load = classifier.load
    monkeypatch.setattr(classifier, "load", lambda _: load(path))
    monkeypatch.setattr("tfgen.data.load", lambda name, data_dir, **options: as_mnist)
    monkeypatch.setattr(evaluate, "evaluate", lambda *arguments, **options: pytest.fail("work was done"))
    code, _, error = command(run, "--dataset", "mnist", "--to", tmp_path / "apart")
    assert code == 2
    (line,) = error.splitlines()
    assert "classifier.weights.h5' is damaged or another file: SHA-256 mismatch" in line


def test_numbers_on_another_data_set_go_elsewhere(run, command, tmp_path, as_mnist, monkeypatch):
    monkeypatch.setattr("tfgen.data.load", lambda name, data_dir, **options: dataclasses.replace(as_mnist, name=name))
    code, _, error = command(run, "--dataset", "kmnist")
    assert code == 2
    assert "was trained on digits: say where its numbers on kmnist go with --to DIR" in error
    before = (run / runs.METRICS).read_bytes()
    to = tmp_path / "elsewhere"
    code, *_ = command(run, "--dataset", "kmnist", "--to", to, "--k", "2", "--images", "20")
    assert code == 0
    assert json.loads((to / "metrics-first-20.json").read_text())["protocol"].startswith("kmnist-dynamic")
    assert (run / runs.METRICS).read_bytes() == before


@pytest.mark.parametrize(
    ("signal", "expected", "word"),
    [(KeyboardInterrupt, 130, "interrupted"), (commandline.Terminated, 143, "terminated")],
)
def test_interrupted_evaluation_writes_nothing(run, command, monkeypatch, signal, expected, word):
    def interrupt(*arguments, **options):
        raise signal

    monkeypatch.setattr(evaluate, "evaluate", interrupt)
    before = (run / runs.METRICS).read_bytes()
    code, _, error = command(run)
    assert code == expected
    assert error == f"error: {word}; nothing was written\n"
    assert (run / runs.METRICS).read_bytes() == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--k", "0"], "k must be at least 1, got 0"),
        (["--k", "1.5"], "1.5"),
        (["--images", "19"], "images must lie in 20..300, got 19"),
        (["--images", "301"], "images must lie in 20..300, got 301"),
        (["--seed", "-1"], "seed must be in"),
        (["--data-dir", "nowhere"], "'nowhere' does not exist"),
        (["--dataset", "cifar11", "--to", "new"], "data set must be digits, a folder of pictures, an .npz file"),
        (["--to", "run"], "'run' is a run directory"),
        (["--no-such-option", "1"], "--no-such-option"),
    ],
)
def test_wrong_options_are_named(run, command, monkeypatch, tmp_path, options, words):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    code, _, error = command("run", *options)
    assert code == 2
    *usage, last = error.splitlines()
    assert last.startswith("error: ")
    assert words in last
    assert len(usage) <= 2
    assert sorted(tmp_path.rglob("*")) == before


def test_wrong_models_and_damaged_metrics_are_named(run, command):
    for arguments, words in (
        ([], "ENTRY_OR_RUN is missing"),
        (["nowhere"], "'nowhere' is neither an entry"),
    ):
        code, output, error = command(*arguments)
        assert code == 2
        assert words in output + error
    (run / runs.METRICS).write_text("{")
    code, _, error = command(run, "--k", "1")
    assert code == 2
    assert error.startswith("error: ")
    assert "metrics.json" in error
    assert (run / runs.METRICS).read_text() == "{"


def test_images_are_compared_in_the_features_of_any_keras_model(run, command, features_file, digits):
    code, output, error = command(run, "--k", "2", "--images", "40", "--features", features_file)
    assert (code, error) == (0, "")
    assert "note:" not in output
    metrics = json.loads((run / "metrics-first-40.json").read_text())
    assert {"frechet", "kid", "precision", "floor_frechet"} <= set(metrics)
    assert not {"confidence", "class_shares", "recognised_as_asked"} & set(metrics)
    assert metrics["evaluation"]["features"].startswith("squares.keras, SHA-256 ")
    squares, real = (
        split.images[:40].reshape(40, 4, 7, 4, 7).mean((2, 4)).reshape(40, -1) / 255
        for split in (digits.train, digits.test)
    )
    assert metrics["floor_frechet"] == pytest.approx(scores.frechet_distance(real, squares), rel=1e-3)


def test_images_are_compared_in_the_features_of_a_classifier_of_ones_own(run, command, tmp_path, monkeypatch):
    """Of its first weights: that the command trains it is in test_classifier.py."""
    own = tmp_path / "classifier"
    monkeypatch.setattr(recognition, "fit", lambda *arguments, **options: [{"epoch": 1, "loss": 2.3, "accuracy": 0.1}])
    classifier.main(["--dataset", "digits", "--epochs", "1", "--run-dir", str(own)])
    assert command(run, "--k", "2", "--images", "40", "--features", own)[0] == 0
    metrics = json.loads((run / "metrics-first-40.json").read_text())
    assert metrics["evaluation"]["features"].startswith("the classifier of digits, SHA-256 ")
    assert set(metrics) >= FEATURES


def test_features_that_do_not_fit_are_refused_in_one_line(run, command, tmp_path, features_file):
    image = keras.Input((14, 14, 1))
    keras.Model(image, keras.layers.Flatten()(image)).save(tmp_path / "small.keras")
    image = keras.Input((28, 28, 1))
    keras.Model(image, keras.layers.ReLU()(image)).save(tmp_path / "maps.keras")
    (tmp_path / "text.keras").write_text("hello")
    cases = {
        tmp_path / "none.keras": "must be a .keras file that exists, or a run of zoo.classifier, got",
        tmp_path / "text.keras": "gives no features of images of 28 x 28 x 1",
        tmp_path / "small.keras": "gives no features of images of 28 x 28 x 1",
        tmp_path / "maps.keras": "must give features [B, D], gave [2, 28, 28, 1] for 2 images",
        run: "is not a run of zoo.classifier",
        tmp_path: "is not a run directory",
    }
    for path, words in cases.items():
        code, _, error = command(run, "--images", "40", "--features", path)
        assert code == 2
        assert error.count("\n") == 1
        assert words in error


@keras.saving.register_keras_serializable("tests")
class Brittle(keras.layers.Layer):
    """Flattens images, and gives infinity for those that are nearly black."""

    def call(self, image):
        dark = keras.ops.mean(image, axis=(1, 2, 3), keepdims=True) < 0.4
        return keras.ops.reshape(keras.ops.where(dark, float("inf"), image), (-1, 784))


@pytest.mark.parametrize("level", [0.5, 1.0])
def test_features_that_are_not_finite_end_in_one_line(run, command, tmp_path, digits, level):
    """Those of a grey image are looked at before anything is measured, those of the data as they come."""
    image, path = keras.Input((28, 28, 1)), tmp_path / "brittle.keras"
    keras.Model(image, Brittle()(keras.layers.Rescaling(0.5 / level)(image))).save(path)
    dark = (digits.test.images[:40].mean((1, 2, 3)) / 255 < 0.4).sum()
    words = f"{dark} of 40 images; nothing was written" if level == 0.5 else "a grey image"
    before = sorted(run.iterdir())
    code, _, error = command(run, "--k", "2", "--images", "40", "--features", path)
    assert (code, error) == (2, f"error: '{path}' gives features that are not finite of {words}\n")
    assert sorted(run.iterdir()) == before
