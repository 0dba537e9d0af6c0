"""denoise, superres, colourise and inpaint with completers: measures, baselines, whole results, and what is refused."""

import keras
import numpy as np
import pytest
from PIL import Image

import tfgen
from tfgen import data
from tfgen.evaluation.images import as_float
from tfgen.tasks.common import completing, neighbours, restoring
from tfgen.tasks.common.job import Job
from tfgen.tasks.common.result import MODEL
from zoo.models import completer


def built(**hyperparameters):
    keras.utils.set_random_seed(0)
    return completer.build(**completer.SMALL | hyperparameters)


@pytest.fixture(scope="module")
def few(digits):
    return as_float(digits.test.images[:12])


@pytest.fixture(scope="module")
def blobs():
    """Colour images: a red disc on the left, or a blue one, as bright, on the right."""
    rows, columns = np.mgrid[:16, :16]
    images = np.full((300, 16, 16, 3), 30, np.uint8)
    for number, image in enumerate(images):
        side = number % 2
        image[(rows - 8) ** 2 + (columns - 4 - 8 * side) ** 2 < 9] = ((180, 40, 40), (40, 70, 230))[side]
    return data.from_arrays(images, np.arange(300) % 2, name="blobs")


def job(model, dataset, **options):
    return Job(model, lambda: dataset, images=12, **options)


def test_all_pictures_of_a_new_folder_are_repaired_and_those_of_a_known_one_divided(tmp_path, digits):
    model = built(image_shape=(16, 16, 1))
    for folder, count in (("known", 40), ("new", 12)):
        (tmp_path / folder).mkdir()
        for number, image in enumerate(digits.test.images[:count, ..., 0]):
            Image.fromarray(image).save(tmp_path / folder / f"{number:02}.png")
    known = data.load(str(tmp_path / "known"), image_size=16)
    new = Job(model, lambda: known, source=str(tmp_path / "new")).to_repair
    assert (new.name, len(new.test.images)) == ("new", 12)
    assert new.train is known.train
    assert new.validation is known.validation
    for options in ({"source": str(tmp_path / "known")}, {"source": str(tmp_path / "new"), "completer": model}, {}):
        divided = Job(model, lambda: known, **options).to_repair
        assert len(divided.test.images) < 5, options  # a tenth


def test_psnr_and_ssim_of_what_is_known(few):
    noisy = few + np.float32(0.1) * np.sign(few - 0.5)
    inside = np.clip(few, 0.2, 0.8)
    found = restoring.measures(inside + np.float32(0.1), inside)
    np.testing.assert_allclose(found["psnr"], 20, atol=1e-4)  # -10 log10 0.1^2
    same = restoring.measures(few, few)
    assert (same["ssim"] == 1).all()
    assert (same["psnr"] == restoring.LARGEST_PSNR).all()
    assert (restoring.psnr(noisy, few) > 20).all()  # what is beyond black and white is clipped


def test_each_filter_takes_noise_away_with_the_setting_that_was_best(few):
    noisy = np.clip(few + np.random.default_rng(0).normal(0, 0.3, few.shape), 0, 1).astype(np.float32)
    before = restoring.psnr(noisy, few).mean()
    for name, settings in restoring.filters(0.3).items():
        words = restoring.best(settings, noisy, few)
        scores = {each: restoring.psnr(restoring.filtered(settings[each], noisy), few).mean() for each in settings}
        assert scores[words] == max(scores.values())
        assert scores[words] > before + 1, name


def test_the_nearest_image_is_found_by_what_is_known_of_it(digits):
    rows, train = [7, 300, 11], digits.train.images
    known = lambda images: images[:, ::4, ::4]  # noqa: E731
    seen = known(as_float(train[rows]))
    found = neighbours.nearest(train, seen, 1.0, 3, known)
    assert found[:, 0].tolist() == rows
    np.testing.assert_allclose(neighbours.mean(train, found[:, :1]), as_float(train[rows]), atol=1e-6)
    assert neighbours.chosen(train, found, lambda made: np.mean((made - as_float(train[rows])) ** 2)) == 1


def test_denoise_finds_salt_and_pepper_easier_for_a_median_than_for_a_gaussian_filter(digits, monkeypatch):
    monkeypatch.setattr(tfgen.tasks.module("denoise"), "VALIDATION", 5)
    undoing = built(damage="salt:0.2")
    found = tfgen.tasks.module("denoise").run(job(undoing, digits), noise="salt", levels=(0.2,), draws=2)
    assert [row.name for row in found.rows if row.kind == MODEL] == ["completer"]
    scores = {row.name: row.values["psnr"][0] for row in found.rows}
    assert scores["median"] > scores["Gaussian"] > scores["noisy image"]


@pytest.mark.slow
@pytest.mark.ci
def test_denoise_measures_a_completer_a_projection_and_four_filters(small_vae, digits, monkeypatch):
    monkeypatch.setattr(tfgen.tasks.module("denoise"), "STDDEVS", (0.2,))
    monkeypatch.setattr(tfgen.tasks.module("denoise"), "VALIDATION", 10)
    options = {"levels": (0.2, 0.4), "draws": 2}
    undoing = built(damage="gaussian:0.1-0.5")
    module = tfgen.tasks.module("denoise")
    found = module.run(job(small_vae(), digits, completer=undoing), **options)
    names = [row.name for row in found.rows if row.group == "gaussian 0.4"]
    filters = ["median", "Gaussian", "non-local means", "total variation"]
    assert names == ["completer", "projection", *filters, "noisy image"]
    by_name = {(row.group, row.name): row.values["psnr"][0] for row in found.rows}
    for group in ("gaussian 0.2", "gaussian 0.4"):
        assert by_name[group, "non-local means"] > by_name[group, "noisy image"] + 2
    assert by_name["gaussian 0.2", "noisy image"] > by_name["gaussian 0.4", "noisy image"] + 3


def test_superres_has_an_accuracy_where_there_is_a_classifier(digits):
    class Compared:
        def of(self, images):
            return None, np.eye(10)[digits.test.labels[:12]]

    module, model = tfgen.tasks.module("superres"), built(damage="blocks:4")
    found = module.run(job(model, digits, classifier=lambda dataset: Compared()), draws=2)
    rows = {row.name: row for row in found.rows}
    assert rows["real images"].values["accuracy"][0] == rows["bicubic"].values["accuracy"][0] == 1
    assert rows["nearest training images"].values["psnr"][0] > 10
    without = module.run(job(model, digits), draws=2)
    assert "No classifier ships" in without.notes[0]
    assert "accuracy" not in without.rows[0].values


def test_colourise_finds_the_colours_of_the_nearest_image(blobs):
    model = built(damage="grey", image_shape=(16, 16, 3), likelihood="normal")
    found = tfgen.tasks.module("colourise").run(job(model, blobs), draws=2)
    errors = {row.name: row.values["delta_e"][0] for row in found.rows}
    assert errors["nearest training image"] < 1  # the side tells the colour
    assert errors["grey image"] > errors["nearest training image"] + 1
    best, mean = found.rows[0].values["best_draw"][0], found.rows[0].values["delta_e"][0]
    assert 0 < best < mean + 5


@pytest.mark.slow
@pytest.mark.ci
def test_inpaint_has_the_row_of_a_completer_beside_the_chains(small_vae, digits):
    found = tfgen.tasks.module("inpaint").run(
        job(small_vae(), digits, completer=built(damage="holes")), mask="half", steps=4, completions=2
    )
    assert [row.name for row in found.rows] == ["completer", "chain", "gibbs", "nearest training images"]
    bound = found.rows[0].values["bound"][0]
    assert 0 < bound < 14 * 28 * 3
    alone = tfgen.tasks.module("inpaint").run(job(built(damage="half"), digits), mask="half", completions=2)
    assert [row.name for row in alone.rows] == ["completer", "nearest training images"]


def test_images_of_ones_own_are_restored(small_vae, few):
    assert tfgen.tasks.denoise(built(damage="gaussian:0.5"), few, draws=2).shape == few.shape
    projected = tfgen.tasks.denoise(small_vae(), few[:2])
    assert projected.shape == (2, 28, 28, 1)
    small = few.reshape(12, 7, 4, 7, 4, 1).mean((2, 4))
    assert tfgen.tasks.superres(built(damage="blocks:4"), small, draws=2).shape == few.shape
    colour = built(damage="grey", image_shape=(16, 16, 3), likelihood="normal")
    assert tfgen.tasks.colourise(colour, np.zeros((2, 16, 16))).shape == (2, 16, 16, 3)
    mask = np.zeros((28, 28), bool)
    mask[:14] = True
    made = tfgen.tasks.inpaint(built(damage="holes"), few, mask, seed=1)
    np.testing.assert_array_equal(made[:, 14:], few[:, 14:])


def test_what_a_model_cannot_do_is_refused_with_those_who_can(small_vae, few):
    for call in (tfgen.tasks.superres, tfgen.tasks.colourise):
        with pytest.raises(ValueError, match="asks a model for complete, which completer has; vae has decode"):
            call(small_vae(), few)
    with pytest.raises(ValueError, match="undoes quadrants:1, and enlarges nothing: train one for blocks:4"):
        tfgen.tasks.superres(built(), few)
    with pytest.raises(ValueError, match="undoes quadrants:1, and makes no colours: train one for grey"):
        tfgen.tasks.colourise(built(), few)
    with pytest.raises(ValueError, match="undoes quadrants:1, which is not noise"):
        tfgen.tasks.denoise(built(), few)
    with pytest.raises(ValueError, match=r"undoes quadrants:1, and not half: `python -m zoo.train completer --damage"):
        completing.check(built(), "half", (28, 28, 1))
    with pytest.raises(ValueError, match="the completer takes images of 28 x 28 x 1, those of the model are 8 x 8 x 1"):
        completing.check(built(), "quadrants:1", (8, 8, 1))


def test_a_completer_covers_the_levels_and_masks_that_it_was_trained_on():
    noisy, holes = built(damage="gaussian:0.1-0.5").damage, built(damage="holes").damage
    assert noisy.covers("gaussian:0.3")
    assert noisy.covers("gaussian:0.1-0.2")
    assert not noisy.covers("gaussian:0.4-0.6")
    assert not noisy.covers("salt:0.3")
    assert holes.covers("quadrants:1")
    assert not holes.covers("gaussian:0.3")


def test_without_scikit_image_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"needs scikit-image, which is not installed: pip install '\.\[tasks\]'"):
        tfgen.tasks.module("superres").check()
