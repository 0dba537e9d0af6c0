"""Any shape of images and any classes, for every entry: trained, sampled, saved, loaded, exported and verified."""

import re

import numpy as np
import pytest

import tfgen
from export import bundle, deployment, golden, verify
from tfgen.storage import entries, weights

SHAPES = ((16, 16, 1), (21, 24, 1), (32, 32, 3), (64, 64, 3))
NAMES = ("cat", "dog", "fish")
SLOW = (pytest.mark.slow, pytest.mark.ci)
MODELS = {entry: entries.module(entry).build for entry in tfgen.entries()}


def grid() -> list:
    """Every entry at every shape; all but one are slow: odd sides, which convolutions round and crop."""
    quick = next(entry for entry, model in MODELS.items() if hasattr(model, "discriminate")), (21, 24, 1)
    return [
        pytest.param(entry, shape, marks=() if (entry, shape) == quick else SLOW)
        for entry in MODELS
        for shape in SHAPES
    ]


def trained(entry: str, shape):
    """A small model of three classes after one step of plain `fit`, and a function that builds it anew."""
    options = {"image_shape": shape, "classes": NAMES}
    options = {name: value for name, value in options.items() if name in entries.parameters(entry)}
    build = lambda: entries.build(entry, entries.module(entry).SMALL | options)  # noqa: E731
    model = build()
    model.compile_recipe(learning_rate=1e-3, steps=1)
    images = np.random.default_rng(0).integers(0, 256, [6, *shape], np.uint8)
    history = model.fit(images, np.arange(6) % 3, batch_size=6, epochs=1, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    return model, build


@pytest.mark.parametrize(("entry", "shape"), grid(), ids=str)
def test_a_model_of_any_shape_goes_from_training_to_serving(entry, shape, no_xla, tmp_path):
    model, build = trained(entry, shape)
    path, again = tmp_path / "model.weights.h5", build()
    weights.save(model, path)
    weights.load(again, path)
    label = {"label": ["fish", "cat"]} if model.conditional else {}
    given = np.random.default_rng(1).random([2, *shape])

    def answer(each):
        if "complete" in each.signatures():
            return each.complete(given, seed=0)
        return each.sample(2, seed=0, **label) if "sample" in each.signatures() else each.reconstruct(given)

    images = answer(again).numpy()
    assert images.shape == (2, *shape)
    np.testing.assert_array_equal(images, answer(model))

    version = tmp_path / entry / "1"
    version.mkdir(parents=True)
    facts = bundle.write(again, "nowhere", version, 2)
    assert facts["image_shape"] == list(shape)
    assert facts["classes"] == (list(NAMES) if model.conditional else [])
    checks = verify.check(version)
    assert [(name, detail) for name, passed, detail in checks if not passed] == []
    requests = golden.read(version)
    assert requests.keys() == model.signatures(2).keys()
    assert checks[-1] == ("pixels", True, "outside [0, 1] a row of NaN, the others as before")
    if model.conditional:
        assert checks[-2] == ("labels", True, "outside 0..2 a row of NaN, the others as before")
        assert requests["sample"]["inputs"]["label"].max() == len(NAMES) - 1

    deployment.write(tmp_path, entry, facts)
    sizes = ", ".join(map(str, shape))
    readme = (version.parent / "README.md").read_text()
    assert (f"# float32 [4, {sizes}] in [0, 1]" in readme) == ("sample" in facts["signatures"])
    assert f"# [2, {sizes}]" in readme
    for text in (readme, (version / "MODEL_CARD.md").read_text().partition("## Hyperparameters")[0]):
        assert not re.search(r"\b28\b", text)
    assert ('"label": 1' in readme) == model.conditional
