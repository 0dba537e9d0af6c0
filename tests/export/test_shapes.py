"""Any shape of images and any number of classes: exported, verified and described."""

import re

import pytest

from export import bundle, deployment, golden, verify
from tfgen.storage import entries

SHAPES = ((16, 16, 1), (21, 24, 1), (32, 32, 3), (64, 64, 3))
CLASSES = 3
LEFT_OUT = ("reconstruct", "score")  # take most of the time, for networks that sample and encode trace as well


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "x".join(map(str, shape)))
@pytest.mark.parametrize("tensor", ["label", "logit"])
def test_a_model_of_any_shape_is_exported_and_verified(tensor, shape, everything, small, tmp_path, monkeypatch):
    """A conditional entry and an adversarial one, found by the tensors of their signatures."""
    entry = next(
        name
        for name, found in everything.items()
        if any(tensor in sides["inputs"] | sides["outputs"] for sides in found.signatures.values())
    )
    options = {"image_shape": shape, "classes": CLASSES}
    model = small(entry, **{name: options[name] for name in options if name in entries.parameters(entry)})
    table = {name: signature for name, signature in model.signatures(2).items() if name not in LEFT_OUT}
    monkeypatch.setattr(type(model), "signatures", lambda self, score_samples: table)
    version = tmp_path / entry / "1"
    version.mkdir(parents=True)
    facts = bundle.write(model, "nowhere", version, 2)
    assert facts["image_shape"] == list(shape)
    assert facts["classes"] == (["0", "1", "2"] if tensor == "label" else [])
    checks = verify.check(version)
    assert [(name, detail) for name, passed, detail in checks if not passed] == []
    if tensor == "label":
        assert checks[-1] == ("labels", True, "outside 0..2 a row of NaN, the others as before")
        assert golden.read(version / golden.NAME)["sample"]["inputs"]["label"].max() == CLASSES - 1
    deployment.write(tmp_path, entry, facts)
    sizes = ", ".join(map(str, shape))
    readme = (version.parent / "README.md").read_text()
    assert f"# float32 [4, {sizes}] in [0, 1]" in readme
    assert f"# [2, {sizes}]" in readme
    for text in (readme, (version / "MODEL_CARD.md").read_text().partition("## Hyperparameters")[0]):
        assert not re.search(r"\b28\b", text)
    assert ('"label": 1' in readme) == (tensor == "label")
