"""Pictures of models: which of them a model gets, and that they show what they say."""

import dataclasses

import matplotlib.colors
import numpy as np
import pytest
from scipy import stats

from tfgen import figures
from tfgen.evaluation import pictures

SIDE = 16
SCALE = round(figures.TILE / SIDE)  # screen pixels of a pixel
STEP = SIDE * SCALE + figures.GAP


@dataclasses.dataclass(frozen=True)
class Split:
    images: np.ndarray
    labels: np.ndarray


@dataclasses.dataclass(frozen=True)
class Data:
    test: Split
    classes: tuple[str, ...] = ()
    name: str = "shapes"


class Pixels:
    def held_out(self, images):
        return images


class StandIn:
    """A linear model: an image's first pixels are its code, squashed into [0, 1], the next one is its label."""

    entry, pixels = "stand_in", Pixels()

    def __init__(self, abilities, latent_dim=3, classes=(), channels=1, conditional=None):
        self.abilities, self.latent_dim, self.class_names = abilities.split(), latent_dim, classes
        self.conditional = bool(classes) if conditional is None else conditional
        self.image_shape = (SIDE, SIDE, channels)

    def signatures(self):
        return dict.fromkeys(self.abilities)

    def condition(self, batch):
        return {"label": batch["label"]} if self.conditional else {}

    def draw_prior(self, rows):
        shares = np.outer(np.asarray(rows) + 1, np.sqrt([2, 3, 5, 7, 11, 13])[: self.latent_dim]) % 1
        return stats.norm.ppf(shares)

    def decode(self, latent, label=0):
        assert self.conditional or label is 0  # noqa: F632
        image = np.zeros([len(latent), *self.image_shape], np.float32)
        image[:, 0, : self.latent_dim] = stats.norm.cdf(latent)[..., None]
        image[:, 1, 0] = np.reshape(label, [-1, 1]) / 255
        return image

    def sample(self, n, label=0, seed=None):
        assert len(seed) == n
        return self.decode(self.draw_prior(seed), label)

    def code(self, image, label=0):
        return stats.norm.ppf(np.clip(np.asarray(image)[:, 0, : self.latent_dim, 0], 0.01, 0.99))

    def reconstruct(self, image, label=0):
        return self.decode(self.code(image), label)

    @property
    def prior(self):
        raise AssertionError("nobody may ask a model that does not sample for its prior")


class WithPrior(StandIn):
    """Its prior is uniform in [-1, 1]^Z."""

    class Bijector:
        def forward(self, noise):
            return 2 * stats.norm.cdf(noise) - 1

    @property
    def prior(self):
        return type("Prior", (), {"bijector": self.Bijector()})

    def prior_variance(self):
        return np.ones(self.latent_dim)


FULL, GENERATOR, AUTOENCODER = (
    "serving_default sample decode encode reconstruct score",
    "sample decode",
    "reconstruct decode",
)


def data(count=60, channels=1, classes=("cat", "dog", "fish")) -> Data:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, SIDE, SIDE, channels), np.uint8)
    return Data(Split(images, np.arange(count) % max(1, len(classes))), classes)


def tile(figure, row: int, column: int) -> np.ndarray:
    """An image of a grid as it is on the screen, a screen pixel a pixel, RGB."""
    canvas = np.asarray(figure.axes[0].images[0].get_array())[figures.GAP :, figures.GAP :]
    return canvas[row * STEP : row * STEP + SIDE * SCALE : SCALE, column * STEP : column * STEP + SIDE * SCALE : SCALE]


def extent(figure) -> tuple[int, int]:
    """Rows and columns of a grid."""
    height, width = figure.axes[0].images[0].get_array().shape[:2]
    return (height - figures.GAP) // STEP, (width - figures.GAP) // STEP


def ink(image) -> np.ndarray:
    """A grey image [H, W, 1] in [0, 1], or uint8, as it is on the screen."""
    levels = image if image.dtype == np.uint8 else np.rint(255 * image)
    return 255 - np.repeat(levels, 3, axis=-1).astype(np.uint8)


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.texts if text.get_text()]


@pytest.fixture(autouse=True)
def few_codes(monkeypatch):
    monkeypatch.setattr(pictures, "CODES", 200)


CLASSES = ("cat", "dog", "fish")
EXPECTED = [
    (WithPrior(FULL, 1), "samples reconstructions latent"),
    (WithPrior(FULL, 2), "samples reconstructions manifold latent"),
    (WithPrior(FULL, 5), "samples reconstructions latent traversal"),
    (WithPrior(FULL, 1, CLASSES), "samples styles reconstructions latent"),
    (WithPrior(FULL, 2, CLASSES), "samples styles reconstructions latent"),
    (WithPrior(FULL, 5, CLASSES), "samples styles reconstructions latent traversal"),
    (WithPrior(FULL, 2, CLASSES, conditional=False), "samples reconstructions manifold latent"),
    (StandIn(GENERATOR, 5), "samples interpolation arithmetic"),
    (StandIn(GENERATOR, 5, CLASSES), "samples styles interpolation"),
    (StandIn(AUTOENCODER, 1), "reconstructions latent"),
    (StandIn(AUTOENCODER, 2), "reconstructions manifold latent"),
    (StandIn(AUTOENCODER, 5), "reconstructions latent traversal"),
    (StandIn("sample score"), "samples"),
    (StandIn("discriminate"), ""),
]


@pytest.mark.parametrize(("model", "names"), EXPECTED)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_model_gets_the_pictures_of_what_it_can_be_asked(model, names, channels):
    model.image_shape = (SIDE, SIDE, channels)
    drawn = pictures.of_model(model, data(channels=channels), epoch=12)
    assert list(drawn) == names.split()
    for figure in drawn.values():
        first = figure.axes[0].get_title() or texts(figure)[0]
        assert first.replace("\n", " ").startswith("stand_in on shapes, epoch 12: ")


@pytest.mark.parametrize(("count", "latent_dim"), [(0, 5), (1, 2), (3, 1), (3, 2), (3, 5), (13, 2)])
def test_small_and_unlabelled_data_are_drawn(count, latent_dim, tmp_path):
    drawn = pictures.of_model(WithPrior(FULL, latent_dim), data(count, classes=()))
    assert ("reconstructions" in drawn, "latent" in drawn) == (count > 0, count > 1)
    for name, figure in drawn.items():
        figures.save(figure, tmp_path / f"{name}.png")


def test_title_has_no_epoch_where_none_is_known():
    assert texts(pictures.of_model(WithPrior(FULL), data())["samples"]) == ["stand_in on shapes: samples"]


def test_samples_are_those_of_the_row_seeds():
    model = StandIn("sample")
    figure = pictures.of_model(model, data())["samples"]
    assert extent(figure) == (10, 10)
    for row, column in [(0, 0), (1, 2), (9, 9)]:
        np.testing.assert_array_equal(tile(figure, row, column), ink(model.sample(1, seed=[10 * row + column])[0]))


@pytest.mark.parametrize(("classes", "rows"), [(2, 2), (10, 10), (20, 20), (25, 20)])
def test_samples_of_a_conditional_model_have_a_row_a_class(classes, rows):
    names = tuple(f"class {i}" for i in range(classes))
    figure = pictures.of_model(StandIn("sample", classes=names), data(classes=names))["samples"]
    assert extent(figure) == (rows, 10)
    title, *labels = texts(figure)
    assert labels == list(names[:rows])
    assert ("first 20 of 25 classes" in title) == (classes > 20)
    assert [255 - tile(figure, row, 4)[1, 0, 0] for row in range(rows)] == list(range(rows))


def test_samples_drawn_before_are_shown_as_they_were():
    model = StandIn("sample")
    images = pictures.sample_images(model)
    np.testing.assert_array_equal(images, model.sample(100, seed=np.arange(100)))
    np.testing.assert_array_equal(tile(pictures.samples(model, "epoch 1", images[::-1]), 0, 0), ink(images[99]))


def test_styles_share_a_code_in_a_column_and_a_class_in_a_row():
    model = WithPrior(FULL, classes=CLASSES)
    figure = pictures.of_model(model, data())["styles"]
    assert extent(figure) == (3, 12)
    assert texts(figure)[1:] == list(CLASSES)
    codes = model.draw_prior(np.arange(12))
    for row, column in [(0, 0), (1, 0), (2, 11)]:
        np.testing.assert_array_equal(tile(figure, row, column), ink(model.decode(codes[[column]], row)[0]))


@pytest.mark.parametrize(("count", "columns", "pairs"), [(60, 10, 4), (13, 10, 1), (7, 7, 1), (1, 1, 1)])
def test_reconstructions_stand_below_their_images(count, columns, pairs):
    model, dataset = WithPrior(FULL), data(count)
    figure = pictures.of_model(model, dataset)["reconstructions"]
    assert extent(figure) == (2 * pairs, columns)
    assert texts(figure)[1:] == ["image", "copy"] * pairs
    for i in (0, columns - 1, columns * pairs - 1):
        image = dataset.test.images[i]
        row, column = 2 * (i // columns), i % columns
        np.testing.assert_array_equal(tile(figure, row, column), ink(image))
        np.testing.assert_array_equal(tile(figure, row + 1, column), ink(model.reconstruct(image[None] / 255)[0]))


def test_a_conditional_model_is_told_the_label_of_what_it_reconstructs():
    figure = pictures.of_model(WithPrior(FULL, classes=CLASSES), data())["reconstructions"]
    assert [255 - tile(figure, 1, column)[1, 0, 0] for column in range(4)] == [0, 1, 2, 0]


def test_manifold_goes_evenly_through_the_prior():
    """Right is the first coordinate, up the second, each the prior's bijector of the normal's quantiles."""
    model = WithPrior(FULL, 2)
    figure = pictures.of_model(model, data())["manifold"]
    assert extent(figure) == (20, 20)
    points = 2 * (np.arange(20) + 0.5) / 20 - 1  # of the uniform prior
    for row, column in [(0, 0), (0, 19), (19, 0), (5, 7)]:
        expected = ink(model.decode([[points[column], points[19 - row]]])[0])
        assert np.abs(tile(figure, row, column).astype(int) - expected).max() <= 1


def test_manifold_of_an_autoencoder_goes_evenly_through_its_codes():
    model, dataset = StandIn(AUTOENCODER, 2), data(200)
    figure = pictures.of_model(model, dataset)["manifold"]
    codes = model.code(dataset.test.images / 255)
    rightmost = codes[np.argsort(codes[:, 0])][-10:]
    corner = [np.median(rightmost[:, 0]), np.quantile(rightmost[:, 1], 0.025)]
    assert np.abs(tile(figure, 19, 19).astype(int) - ink(model.decode([corner])[0])).max() <= 1


def test_manifold_of_two_clusters_shows_no_codes_between_them(monkeypatch):
    """Where quantiles of one coordinate alone would pair the first of one cluster with the second of the other."""
    seen, random = [], np.random.default_rng(0)
    clusters = np.concatenate([random.normal(centre, 0.1, [500, 2]) for centre in ((-2, 2), (2, -2))])
    monkeypatch.setattr(pictures, "_decode", lambda model, latents: seen.append(latents) or np.zeros([400, 4, 4, 1]))
    pictures.manifold(None, "clusters", clusters)
    distances = np.abs(seen[0][:, None] - [(-2, 2), (2, -2)]).max(-1).min(1)
    assert distances.max() < 0.5


def test_codes_of_a_plane_stand_beside_the_prior_with_the_colours_of_their_class():
    model, dataset = WithPrior(FULL, 2), data()
    figure = pictures.of_model(model, dataset)["latent"]
    codes, prior = figure.axes
    np.testing.assert_allclose(codes.collections[0].get_offsets(), model.code(dataset.test.images / 255), atol=1e-5)
    np.testing.assert_array_equal(prior.collections[0].get_offsets()[0], model.draw_prior([2**20])[0])
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(CLASSES)
    colours = np.array([matplotlib.colors.to_rgba(line.get_color()) for line in legend.get_lines()])
    np.testing.assert_array_equal(codes.collections[0].get_facecolors(), colours[dataset.test.labels])


def test_codes_of_an_autoencoder_have_no_prior_beside_them():
    assert len(pictures.of_model(StandIn(AUTOENCODER, 2), data())["latent"].axes) == 1


def test_codes_that_are_nan_are_left_out():
    model, dataset = WithPrior(FULL, 2), data()
    codes = model.code(dataset.test.images / 255)
    codes[::2] = np.nan
    model.code = lambda image: codes[: len(image)]
    figure = pictures.of_model(model, dataset)["latent"]
    np.testing.assert_array_equal(figure.axes[0].collections[0].get_offsets(), codes[1::2])
    codes[:] = np.nan
    assert list(pictures.of_model(model, dataset)) == ["samples", "reconstructions"]


def test_principal_components_are_those_of_the_singular_values():
    codes = np.random.default_rng(0).normal(size=[200, 5]) * [1, 5, 2, 0.1, 3] + 7
    components, shares = pictures.principal_components(codes, codes)
    left, values, _ = np.linalg.svd(codes - codes.mean(0), full_matrices=False)
    np.testing.assert_allclose(np.abs(components), np.abs(left * values)[:, :2], atol=1e-9)
    np.testing.assert_allclose(shares, (values**2 / np.sum(values**2))[:2])
    np.testing.assert_array_equal(np.corrcoef(components[:, 0], codes[:, 1])[0, 1] > 0.9, True)
    assert (pictures.principal_components(np.zeros([4, 3]), np.zeros([4, 3]))[1] == 0).all()


def test_traversal_sweeps_the_dimensions_that_vary_most():
    model, dataset = WithPrior(FULL, 6), data()
    spread = np.array([0.05, 1, 0.5, 0.05, 2, 0.05])
    codes = spread * np.random.default_rng(0).normal(size=[60, 6])
    model.code = lambda image: codes[: len(image)]
    figure = pictures.of_model(model, dataset)["traversal"]
    assert texts(figure)[1:] == ["z₅", "z₂", "z₃"]
    assert extent(figure) == (3, 11)
    draws = model.draw_prior(2**20 + np.arange(pictures.CODES))
    low, high = np.quantile(draws[:, 4], [0.01, 0.99])
    for column, value in [(0, low), (5, (low + high) / 2), (10, high)]:
        code = codes[:1].copy()
        code[0, 4] = value
        np.testing.assert_array_equal(tile(figure, 0, column), ink(model.decode(code.astype(np.float32))[0]))


def test_traversal_of_a_code_that_nothing_uses_has_one_row():
    model = WithPrior(FULL, 6)
    model.code = lambda image: np.zeros([len(image), 6])
    assert extent(pictures.of_model(model, data())["traversal"]) == (1, 11)


def test_traversal_keeps_the_label_of_its_image():
    dataset = data()
    dataset.test.labels[0] = 2
    figure = pictures.of_model(WithPrior(FULL, 6, CLASSES), dataset)["traversal"]
    assert 255 - tile(figure, 0, 3)[1, 0, 0] == 2


def test_interpolation_goes_straight_from_one_sample_to_another():
    model = StandIn(GENERATOR)
    figure = pictures.of_model(model, data())["interpolation"]
    assert extent(figure) == (8, 10)
    start, end = model.draw_prior(2**20 + np.arange(16))[[2, 10]].astype(np.float32)
    for column in (0, 3, 9):
        code = start + np.float32(column / 9) * (end - start)
        expected = ink(model.decode(code[None])[0]).astype(int)
        assert np.abs(tile(figure, 2, column) - expected).max() <= 1


class Strokes(StandIn):
    """Draws a stroke, whose darkness is the first coordinate and whose slant is the second."""

    def decode(self, latent, label=0):
        height, slant = self.image_shape[0], np.clip(np.asarray(latent)[:, 1], -3, 3)
        y, x = np.mgrid[:height, : self.image_shape[1]]
        line = self.image_shape[1] / 2 + slant[:, None, None] * (height / 2 - y) / 5
        strokes = np.exp(-((x - line) ** 2)) * stats.norm.cdf(np.asarray(latent)[:, 0])[:, None, None]
        return (
            np.repeat(strokes[..., None], 3, -1) if self.image_shape[2] == 1 else 1 - strokes[..., None].repeat(3, -1)
        )


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(28, 28), (21, 40), (64, 32)])
def test_arithmetic_finds_the_groups_by_ink_and_slant(channels, size, monkeypatch):
    """Dark strokes on a light ground are ink, in grey and in colour, whatever the size."""
    model = Strokes(GENERATOR, 2)
    model.image_shape = (*size, channels)
    codes, texts_drawn = [], []
    monkeypatch.setattr(
        pictures.figures, "grid", lambda images, columns, title, rows, columns_: texts_drawn.append((rows, columns_))
    )
    decode = model.decode
    model.decode = lambda latent: codes.append(latent) or decode(latent)[..., :channels]
    pictures.arithmetic(model, "x", pool=400)
    slanted, heavy, light, result = codes[-1].reshape(4, 7, 2)
    assert texts_drawn == [
        (["slanted, heavy", "upright, heavy", "upright, light", "1st - 2nd + 3rd"], [""] * 6 + ["mean"])
    ]
    assert slanted[:, 1].min() > heavy[:, 1].max()
    assert heavy[:, 0].min() > light[:, 0].max()
    np.testing.assert_allclose(heavy[6], heavy[:6].mean(0), rtol=1e-5)
    np.testing.assert_allclose(result[6], slanted[6] - heavy[6] + light[6], rtol=1e-4)
