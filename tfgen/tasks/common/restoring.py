"""How close restored images are to the whole ones, and the filters that restore without a model, by scikit-image."""

import importlib.util
import itertools

import numpy as np
from scipy import ndimage

INSTALL = "it needs scikit-image, which is not installed: pip install '.[tasks]' in the folder of tfgen's source"
METRICS = {
    "psnr": "peak signal-to-noise ratio, decibels, of each image; higher is better",
    "ssim": "structural similarity, at most 1; higher is better",
}
LARGEST_PSNR = 100.0  # of an image that is restored to the last bit
SSIM_SIDE = 7  # of the window that the similarity is measured in
MEDIAN_SIDES = (3, 5)
GAUSSIAN_SIGMAS = (0.4, 0.6, 0.8, 1.0, 1.3)
NLM_STRENGTHS, NLM_PATCHES, NLM_DISTANCE = (0.3, 0.4, 0.6, 0.8, 1.0), (3, 5, 7), 9
TV_WEIGHTS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.8)


def need_skimage() -> None:
    """Raises ValueError where scikit-image is not installed."""
    if importlib.util.find_spec("skimage") is None:
        raise ValueError(INSTALL)


def measures(made, image) -> dict:
    """{"psnr": [N], "ssim": [N]} of restored images [N, H, W, C] beside the whole ones, both in [0, 1]."""
    from skimage.metrics import structural_similarity

    made, image = np.clip(made, 0, 1).astype(np.float64), np.asarray(image, np.float64)
    side = min(SSIM_SIDE, *(size - 1 + size % 2 for size in image.shape[1:3]))
    options = {"data_range": 1.0, "channel_axis": -1, "win_size": side}
    similar = [structural_similarity(whole, each, **options) for whole, each in zip(image, made, strict=True)]
    return {"psnr": psnr(made, image), "ssim": np.array(similar)}


def psnr(made, image) -> np.ndarray:
    """-10 log10 of the mean squared error of each image, [N], decibels; `LARGEST_PSNR` at most."""
    error = np.mean((np.clip(made, 0, 1).astype(np.float64) - image) ** 2, (1, 2, 3))
    return np.minimum(LARGEST_PSNR, -10 * np.log10(np.maximum(error, 1e-30)))


def filters(sigma: float) -> dict:
    """Filters without a model: name -> the setting in words -> a function of one image [H, W, C].

    Args:
        sigma: the standard deviation of the noise, the unit of the strength h of non-local means. (Where it is told to
            take as much off the distances of patches, it does worse on noise that is clipped.)
    """
    from skimage.restoration import denoise_nl_means, denoise_tv_chambolle

    def non_local(strength: float, patch: int):
        options = {"patch_size": patch, "patch_distance": NLM_DISTANCE, "channel_axis": -1}
        return lambda image: denoise_nl_means(image, h=strength * sigma, **options)

    return {
        "median": {
            f"{side} x {side} pixels": lambda image, side=side: ndimage.median_filter(image, (side, side, 1))
            for side in MEDIAN_SIDES
        },
        "Gaussian": {
            f"sigma {width}": lambda image, width=width: ndimage.gaussian_filter(image, (width, width, 0))
            for width in GAUSSIAN_SIGMAS
        },
        "non-local means": {
            f"h {strength} sigma, patch {patch}": non_local(strength, patch)
            for strength, patch in itertools.product(NLM_STRENGTHS, NLM_PATCHES)
        },
        "total variation": {
            f"weight {weight}": lambda image, weight=weight: denoise_tv_chambolle(image, weight, channel_axis=-1)
            for weight in TV_WEIGHTS
        },
    }


def best(settings: dict, damaged, image) -> str:
    """Of the settings of a filter the one with the highest mean PSNR, on damaged and whole images [N, H, W, C]."""
    return max(settings, key=lambda words: psnr(filtered(settings[words], damaged), image).mean())


def filtered(function, images) -> np.ndarray:
    """A filter on each of some images [N, H, W, C]."""
    return np.stack([np.reshape(function(image), image.shape) for image in images])
