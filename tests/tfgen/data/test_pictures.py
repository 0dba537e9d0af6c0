"""Decoding pictures: pixels as they were saved, transparency over white, antialiased squares, and damage named."""

import io

import numpy as np
import pytest
from PIL import Image

from tfgen.data import pictures


def saved(pixels, kind="png", mode=None, **options):
    """The bytes of an image file."""
    file = io.BytesIO()
    picture = Image.fromarray(pixels)
    (picture.convert(mode) if mode else picture).save(file, kind, **options)
    return file.getvalue()


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8)


@pytest.mark.parametrize("kind", ["png", "bmp", "webp"])
def test_lossless_pictures_come_back_exactly(noise, kind):
    options = {"lossless": True} if kind == "webp" else {}
    np.testing.assert_array_equal(pictures.decode(saved(noise, kind, **options)), noise)
    grey = pictures.decode(saved(noise[..., 0], kind, **options))
    np.testing.assert_array_equal(grey, noise[..., :1])


def test_jpeg_and_gif_come_back_nearly():
    y, x = np.mgrid[:64, :64]
    smooth = np.stack([4 * y, 4 * x, 2 * (x + y)], -1).clip(0, 255).astype(np.uint8)
    for kind in ("jpeg", "gif"):
        difference = pictures.decode(saved(smooth, kind)).astype(int) - smooth
        assert np.abs(difference).mean() < 10


def test_a_picture_without_colour_is_grey_whatever_its_mode(noise):
    grey = noise[..., 0]
    for mode in ("RGB", "RGBA", "P"):
        np.testing.assert_array_equal(pictures.decode(saved(grey, mode=mode)), grey[..., None])


def test_channels_are_made_as_asked(noise):
    assert pictures.decode(saved(noise), channels=1).shape == (20, 24, 1)
    colour = pictures.decode(saved(noise[..., 0]), channels=3)
    np.testing.assert_array_equal(colour, np.repeat(noise[..., :1], 3, -1))
    luma = noise @ np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
    np.testing.assert_allclose(pictures.decode(saved(noise), channels=1)[..., 0], luma, atol=1)


def test_transparency_is_laid_over_white(noise):
    alpha = np.random.default_rng(1).integers(0, 256, (20, 24, 1), np.uint8)
    decoded = pictures.decode(saved(np.concatenate([noise, alpha], -1)))
    share = alpha / 255
    np.testing.assert_allclose(decoded, noise * share + 255 * (1 - share), atol=1.01)


def test_transparent_palette_is_laid_over_white():
    indices = Image.fromarray(np.tile(np.uint8([[0, 1]]), (16, 8)), "L").convert("P")
    indices.putpalette([255, 0, 0, 0, 0, 255])
    file = io.BytesIO()
    indices.save(file, "png", transparency=0)
    decoded = pictures.decode(file.getvalue())
    assert decoded[0, 0].tolist() == [255, 255, 255]
    assert decoded[0, 1].tolist() == [0, 0, 255]


def test_16_bits_a_pixel_are_scaled_and_not_cut_off():
    deep = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(16, 16)
    np.testing.assert_array_equal(pictures.decode(saved(deep))[..., 0].ravel(), np.arange(256))


def test_a_cameras_orientation_is_applied(noise):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side
    decoded = pictures.decode(saved(noise, exif=exif))
    np.testing.assert_array_equal(decoded, np.rot90(noise, -1))


def test_the_square_in_the_middle_is_resized_with_antialiasing():
    """A fine chequerboard, which shows grey from afar, becomes grey; what lies outside of the square is lost."""
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    wide = np.concatenate([np.zeros((64, 32), np.uint8), board, np.zeros((64, 32), np.uint8)], 1)
    small = pictures.decode(saved(wide), 16)
    assert small.shape == (16, 16, 1)
    assert np.abs(small.astype(int) - 127.5).max() < 25


def test_resizing_by_a_whole_factor_keeps_the_means():
    y, x = np.mgrid[:128, :128]
    smooth = (127 + 60 * np.sin(x / 20) + 60 * np.cos(y / 17)).astype(np.uint8)
    blocks = smooth.reshape(32, 4, 32, 4).mean((1, 3))
    np.testing.assert_allclose(pictures.decode(saved(smooth), 32)[..., 0], blocks, atol=4)


def test_arrays_are_fitted_as_files_are(noise):
    images = np.stack([noise, 255 - noise])
    from_files = [pictures.decode(saved(image), 16, 1) for image in images]
    np.testing.assert_array_equal(pictures.fitted(images, 16, 1), from_files)
    assert pictures.fitted(images, 20, None).shape == (2, 20, 20, 3)
    assert pictures.fitted(images) is images


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no picture of a known format"),
        (b"no picture at all", "no picture of a known format"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
    ],
)
def test_what_is_no_picture_is_said(content, reason):
    with pytest.raises(pictures.UnreadableError, match=reason):
        pictures.decode(content)


@pytest.mark.parametrize("kind", ["png", "jpeg", "bmp", "gif", "webp"])
def test_half_a_picture_is_unreadable(noise, kind):
    content = saved(noise, kind)
    with pytest.raises(pictures.UnreadableError, match=r".+") as caught, pictures.no_bombs():
        pictures.decode(content[: len(content) // 2])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("factor", [1.5, 3])
def test_decompression_bombs_are_not_opened(monkeypatch, factor):
    """Pillow warns of the smaller one only."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    side = int((1000 * factor) ** 0.5)
    with pytest.raises(pictures.UnreadableError, match="decompression bomb"), pictures.no_bombs():
        pictures.decode(saved(np.zeros((side, side), np.uint8)))


def test_options_are_checked():
    pictures.check_options(None, None)
    pictures.check_options(32, 3)
    for image_size, channels, words in ((8, None, "image_size .* 16..128, got 8"), (None, 2, "1, 3; got 2")):
        with pytest.raises(ValueError, match=words):
            pictures.check_options(image_size, channels)
    with pytest.raises(TypeError, match=r"image_size must be an int, got 32\.5"):
        pictures.check_options(32.5, None)
