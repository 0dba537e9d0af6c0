"""One suite over every entry: what a model of the zoo promises, whichever it is."""

import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen.evaluation import likelihood
from tfgen.evaluation.images import as_float
from tfgen.storage import entries, runs, weights
from tfgen.training import loop
from zoo import figures, sample, train

LABELLED = r"call fit\(images, labels\)"  # what a model says that is trained without the labels it needs


def variants() -> dict:
    """Every entry as its module makes it small, then its further variants: name -> (entry, hyperparameters)."""
    listed = {entry: (entry, entries.module(entry).SMALL) for entry in tfgen.entries()}
    for entry in tfgen.entries():
        module = entries.module(entry)
        for variant in getattr(module, "VARIANTS", ()):
            words = " ".join(f"{name} {value}" for name, value in variant.items())
            listed[f"{entry} {words}"] = entry, module.SMALL | variant
    return listed


VARIANTS = variants()
SLOW = (pytest.mark.slow, pytest.mark.ci)
CONDITIONAL = next(entry for entry in tfgen.entries() if entries.module(entry).build.conditional)
UNMONITORED = next(entry for entry in tfgen.entries() if entries.module(entry).build.monitor is None)
COMMANDED = [name if name == UNMONITORED else pytest.param(name, marks=SLOW) for name in tfgen.entries()]
BRIEFLY = (CONDITIONAL, UNMONITORED)  # the one has labels and a density, the other phases and neither
NAMES = ("cat", "dog", "fish")
SAMPLES = 50  # of z behind a log-likelihood; the same in every test, which would trace it again for another number


def marked(names) -> list:
    """Names as parameters: two entries for every run of the tests, the others for CI."""
    return [name if name in BRIEFLY else pytest.param(name, marks=SLOW) for name in names]


# For what a variant does as its entry does: the entries alone, which are the first of the variants.
of_entries = pytest.mark.parametrize("variant", marked(tfgen.entries()), indirect=True)


def built(variant, seed=0):
    """A small model of a variant, the same weights for the same seed, compiled by its recipe."""
    entry, hyperparameters = VARIANTS[variant]
    loop.set_initial_seed(seed)
    model = entries.build(entry, hyperparameters)
    model.compile_recipe(learning_rate=1e-3, steps=100)
    return model


@pytest.fixture(scope="module", params=marked(VARIANTS))
def variant(request):
    """The name of an entry or of a further variant."""
    return request.param


@pytest.fixture(scope="module")
def model(variant):
    """A model of the variant; tests do not train this one."""
    return built(variant)


@pytest.fixture(scope="module")
def trained(variant, digits):
    """A model of the variant after an epoch with validation, and the history of its metrics."""
    model = built(variant)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "uses_xla", lambda model: False)  # whose compilation takes longer than 21 steps
        history = loop.fit(model, digits.train, validation=digits.validation, epochs=1, batch_size=60).history
    return model, history


def needs(model, *names):
    """Skips a test of a model without the signatures that it is about."""
    if missing := [name for name in names if name not in model.signatures()]:
        pytest.skip(f"has no {missing[0]}")


def condition(model, label=3):
    """What a conditional model is sampled with."""
    return {"label": label} if model.conditional else {}


def test_samples_are_images(model):
    needs(model, "sample")
    images = model.sample(5, seed=0, **condition(model)).numpy()
    assert images.shape == (5, 28, 28, 1)
    assert images.dtype == np.float32
    assert images.min() >= 0
    assert images.max() <= 1
    assert model.sample(0, **condition(model)).shape == (0, 28, 28, 1)


def test_first_weights_follow_the_seed_of_training(variant):
    """All that are random at all: none is drawn by what was made on import, before there was a seed."""
    first, same, other = (built(variant, seed).get_weights() for seed in (1, 1, 2))
    for one, again, another in zip(first, same, other, strict=True):
        np.testing.assert_array_equal(one, again)
        assert np.ptp(one) == 0 or not np.array_equal(one, another)


@of_entries
def test_plain_fit_takes_images_with_labels_where_they_are_needed(variant, digits, no_xla):
    """A step of Keras's own `fit`, not compiled."""
    model = built(variant)
    images, labels = tf.constant(digits.train.images[:8]), tf.constant(digits.train.labels[:8])
    values = model.train_on_batch(images, labels if model.needs_labels else None, return_dict=True)
    assert np.isfinite([float(value) for value in values.values()]).all()
    if model.needs_labels:
        with pytest.raises(ValueError, match=LABELLED):
            model.train_on_batch(images)


def test_a_seed_names_its_images(model):
    needs(model, "sample")
    first = model.sample(4, seed=7, **condition(model)).numpy()
    np.testing.assert_array_equal(first, model.sample(4, seed=7, **condition(model)))
    other = model.sample(4, seed=8, **condition(model)).numpy()
    distances = np.abs(first[:, None] - other[None]).max(axis=(2, 3, 4))
    assert distances.min() > 1e-5, "two seeds share an image"
    fresh = [model.sample(1, **condition(model)).numpy() for _ in range(2)]
    assert np.abs(fresh[0] - fresh[1]).max() > 1e-6


def test_a_row_depends_on_its_own_seed_alone(model):
    needs(model, "sample")
    rows = tfgen.row_seeds(3, 6)
    together = model.sample(6, seed=rows, **condition(model)).numpy()
    np.testing.assert_array_equal(together, model.sample(6, seed=3, **condition(model)))
    for row, image in zip(rows, together, strict=True):
        alone = model.sample(1, seed=[row], **condition(model))
        np.testing.assert_allclose(alone[0], image, atol=1e-5)
    if "decode" in model.signatures():
        codes = model.draw_prior(rows).numpy()
        np.testing.assert_array_equal(model.draw_prior(rows[2:3])[0], codes[2])


def test_decode_agrees_with_sample(model):
    needs(model, "sample", "decode")
    rows = tfgen.row_seeds(0, 3)
    latent = model.draw_prior(rows)
    np.testing.assert_allclose(
        model.decode(latent, **condition(model)), model.sample(3, seed=rows, **condition(model)), atol=1e-5
    )


def test_every_variable_moves_in_its_phase_and_only_there(variant, digits, monkeypatch):
    model = built(variant)
    moved = {}

    def changed(act):
        before = [variable.numpy() for variable in model.trainable_variables]
        act()
        after = model.trainable_variables
        return {v.path for v, old in zip(after, before, strict=True) if not np.array_equal(v.numpy(), old)}

    def watched(phase, tape, loss, **options):
        paths = changed(lambda: type(model).descend(model, phase, tape, loss, **options))
        assert paths <= allowed[phase], f"phase {phase} moved {sorted(paths - allowed[phase])}"
        moved.setdefault(phase, set()).update(paths)

    allowed = {phase: {variable.path for variable in model.variables_of(phase)} for phase in model.optimizers}
    if model.optimizers:
        monkeypatch.setattr(model, "descend", watched, raising=False)
    for step in range(3):  # what stands before a zero-initialised kernel has its first gradient one step later
        image = tf.constant(as_float(digits.train.images[step * 20 : step * 20 + 20]))
        batch = {"image": image, "label": tf.constant(digits.train.labels[step * 20 : step * 20 + 20])}
        paths = changed(lambda batch=batch, step=step: model.update(batch, tf.constant([0, step]), tf.constant(step)))
        moved.setdefault("any", set()).update(paths)
    assert moved.pop("any") == {variable.path for variable in model.trainable_variables}
    assert moved == allowed


def test_training_stays_finite(trained):
    _, history = trained
    assert all(np.isfinite(values).all() for values in history.values())


def test_validation_is_the_evaluation_of_the_same_images(trained, digits):
    """`validation_data` draws each image from its row seed of the seed 0, as `likelihood.means` does."""
    model, history = trained
    if not model.validates():
        pytest.skip("nothing to report")
    means = likelihood.means(model, model.pixels.held_out(digits.validation.images), digits.validation.labels)
    for name, value in means.items():
        assert history[f"val_{name}"][0] == pytest.approx(value, abs=1e-4, rel=1e-5), name


def test_weights_survive_a_round_trip_bit_for_bit(variant, trained, tmp_path):
    path = tmp_path / "model.weights.h5"
    model, _ = trained
    weights.save(model, path)
    entry, hyperparameters = VARIANTS[variant]
    keras.utils.set_random_seed(1)
    other = entries.build(entry, hyperparameters)
    weights.load(other, path)
    for ours, theirs in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("entry", COMMANDED)
def test_command_line_trains_samples_and_draws(entry, no_xla, tmp_path, capsys):
    run = tmp_path / "run"
    options = ["--dataset", "digits", "--epochs", "1", "--batch-size", "100", "--run-dir", str(run)]
    for name, value in entries.module(entry).SMALL.items():
        values = value if isinstance(value, tuple) else [value]
        options += [f"--{name.replace('_', '-')}", *map(str, values)]
    train.main([entry, *options])
    config, metrics = (json.loads((run / name).read_text()) for name in (runs.CONFIG, runs.METRICS))
    assert config["entry"] == entry
    assert config["dataset"] == "digits"
    assert metrics["protocol"] == config["protocol"]
    assert metrics["protocol"].startswith("digits-")
    drawn = {path.name for path in (run / runs.FIGURES).glob("*.png")}
    model, picture = entries.module(entry).build(**entries.module(entry).SMALL), tmp_path / "five.png"
    options = ["--n", "2", "--seed", "0", "--out", str(picture), *(["--digit", "5"] if model.conditional else [])]
    if "sample" in model.signatures():
        sample.main([str(run), *options])
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert "Traceback" not in capsys.readouterr().err
    else:
        with pytest.raises(SystemExit):
            sample.main([str(run), *options])
        assert f"nothing can be drawn: {entry} has no" in capsys.readouterr().err
    pictured = {"sample": "samples.png", "reconstruct": "reconstructions.png"}
    assert {"history.png", *(pictured[name] for name in pictured if name in model.signatures())} <= drawn


@pytest.mark.slow
@pytest.mark.ci
def test_figures_are_redrawn_by_the_command(trained_run, tmp_path):
    run = shutil.copytree(trained_run, tmp_path / "run")
    for path in (run / runs.FIGURES).glob("*.png"):
        path.unlink()
    figures.main([str(run)])
    drawn, expected = ({path.name for path in (of / runs.FIGURES).glob("*.png")} for of in (run, trained_run))
    assert drawn == expected


@pytest.mark.parametrize("digit", [10, -1, 1.5, "five", [1, 2], None, [[1]], [3, 11, 4]])
def test_a_wrong_digit_is_named(digit):
    with pytest.raises((ValueError, TypeError), match=r"label") as error:
        built(CONDITIONAL).sample(3, digit=digit)
    assert "0..9" in str(error.value)


def test_only_conditional_models_take_a_digit(model):
    calls = {
        "sample": lambda **label: model.sample(1, **label),
        "decode": lambda **label: model.decode(np.zeros([1, model.latent_dim]), **label),
    }
    for call in (calls[name] for name in calls if name in model.signatures()):
        if model.conditional:
            with pytest.raises(TypeError, match="needs label="):
                call()
        else:
            with pytest.raises(TypeError, match="takes no label, got 5"):
                call(digit=5)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros([2, 27, 28]), r"shape \[B, 28, 28, 1\], got \[2, 27, 28\]"),
        (np.zeros([2, 28, 28, 3], np.uint8), r"got \[2, 28, 28, 3\]"),
        (np.zeros([2, 28, 28, 1], np.int32), "int32"),
        (np.full([2, 28, 28, 1], 255.0), r"lie in \[0, 1\], got values in \[255, 255\]"),
        (np.full([2, 28, 28, 1], np.nan), r"lie in \[0, 1\]"),
        ("picture.png", "image must be an array"),
    ],
)
def test_a_wrong_image_is_named(model, images, message):
    for call in calls_on_images(model).values():
        with pytest.raises((ValueError, TypeError), match=message):
            call(images)


def test_a_wrong_code_is_named(model):
    needs(model, "decode")
    for latent in (
        np.zeros([1, model.latent_dim + 1]),
        np.zeros(model.latent_dim),
        np.full([1, model.latent_dim], np.nan),
    ):
        with pytest.raises(ValueError, match="latent must"):
            model.decode(latent, **condition(model))
    with pytest.raises(TypeError, match="latent must"):
        model.decode([["a"] * model.latent_dim], **condition(model))


def calls_on_images(model):
    """What a model can be asked of images: {name: function of images}, each reproducible."""
    calls = {
        "encode": lambda image: model.encode(
            image, **condition(model), **({"seed": 0} if "seed" in model.signatures()["encode"].inputs else {})
        ),
        "reconstruct": lambda image: model.reconstruct(image, **condition(model)),
        "interpolate": lambda image: model.interpolate(image, image, 3, **condition(model)),
        "elbo": lambda image: model.elbo(image, seed=0, **condition(model)),
        "log_likelihood": lambda image: model.log_likelihood(image, **drawn(model, seed=0), **condition(model)),
        "discriminate": lambda image: model.discriminate(image),
    }
    abilities = model.signatures()
    able = set(abilities) | set(abilities["score"].outputs if "score" in abilities else ())
    return {name: call for name, call in calls.items() if {"interpolate": "reconstruct"}.get(name, name) in able}


def drawn(model, **options):
    """What a log-likelihood takes that is a bound: the samples of z and their seeds; {} of an exact one."""
    return {"k": SAMPLES, **options} if "seed" in model.signatures()["score"].inputs else {}


@of_entries
def test_images_are_taken_as_arrays_or_tensors_of_bytes_floats_or_bits(model, digits):
    grey = digits.test.images[:2]
    bits = grey > 127
    for name, call in calls_on_images(model).items():
        for image, others, tolerance in (
            (grey, (grey / 255, (grey / 255).astype(np.float32), tf.constant(grey), tf.constant(grey / 255)), 1e-4),
            (bits, (bits.astype(float), tf.constant(bits), bits * np.uint8(255)), 0),
        ):
            expected = tf.nest.flatten(call(image))
            for other in others:
                for answer, value in zip(tf.nest.flatten(call(other)), expected, strict=True):
                    np.testing.assert_allclose(answer, value, rtol=tolerance, atol=tolerance, err_msg=name)


@of_entries
def test_no_images_are_answered_by_none(model):
    for name, call in calls_on_images(model).items():
        one, none = call(np.zeros([1, 28, 28, 1])), call(np.zeros([0, 28, 28, 1]))
        for row, empty in zip(tf.nest.flatten(one), tf.nest.flatten(none), strict=True):
            assert empty.shape == (0, *row.shape[1:]), name
    if "decode" in model.signatures():
        assert model.decode(np.zeros([0, model.latent_dim]), **condition(model)).shape == (0, 28, 28, 1)


@of_entries
def test_codes_are_taken_as_arrays_or_tensors(model):
    needs(model, "decode")
    codes = np.random.default_rng(0).normal(size=[2, model.latent_dim])
    expected = model.decode(codes, **condition(model)).numpy()
    for same in (codes.astype(np.float32), tf.constant(codes), codes.tolist()):
        np.testing.assert_array_equal(model.decode(same, **condition(model)), expected)


@of_entries
def test_interpolation_ends_at_the_reconstructions(model, digits):
    needs(model, "reconstruct")
    first, last = digits.test.images[:2], digits.test.images[2:4]
    line = model.interpolate(first, last, 5, **condition(model))
    assert line.shape == (2, 5, 28, 28, 1)
    np.testing.assert_allclose(line[:, 0], model.reconstruct(first, **condition(model)), atol=1e-5)
    np.testing.assert_allclose(line[:, -1], model.reconstruct(last, **condition(model)), atol=1e-5)


def test_bounds_are_ordered_and_seeded_by_row(model, digits):
    needs(model, "score")
    bits, rows = digits.test.binarised()[:6], tfgen.row_seeds(0, 6)
    likelihood = model.log_likelihood(bits, **drawn(model, seed=0), **condition(model)).numpy()
    np.testing.assert_allclose(
        model.log_likelihood(bits[4:5], **drawn(model, seed=rows[4:5]), **condition(model)), likelihood[4:5], rtol=1e-4
    )
    if "elbo" not in model.signatures()["score"].outputs:
        return
    elbo = model.elbo(bits, seed=0, **condition(model)).numpy()
    assert elbo.shape == (6,)
    np.testing.assert_allclose(model.elbo(bits[4:5], seed=rows[4:5], **condition(model)), elbo[4:5], rtol=1e-4)
    assert likelihood.mean() > elbo.mean()


def test_an_unknown_class_is_named_with_the_others():
    model = entries.build(CONDITIONAL, entries.module(CONDITIONAL).SMALL | {"classes": NAMES})
    with pytest.raises(ValueError, match=r"an int in 0\.\.2 or one of 'cat', 'dog', 'fish'; got 'bird'"):
        model.sample(label="bird")
    with pytest.raises(TypeError, match="not digits; use label=, one of cat, dog, fish"):
        model.sample(digit=1)
    assert model.sample(label=["dog", "dog", "cat"], seed=0).shape[0] == 3
