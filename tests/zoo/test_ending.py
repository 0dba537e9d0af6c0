"""What a training says when it has ended: only what its model can follow, at 80 columns."""

import datetime
import importlib.util
from pathlib import Path

import pytest

from tfgen.storage import entries
from zoo import ENTRIES, ending

EVERY = ("zoo.sample", "zoo.evaluate", "zoo.apply", "export.play", "export")
LACKING = {"autoencoder": "zoo.sample", "pixelcnn": "export.play"}  # one samples nothing, one has no code to move
METRICS = {"protocol": "mnist-dynamic", "epochs": 1200, "test_neg_elbo": 91.3333, "seconds": 1234.5}


@pytest.fixture(scope="module", params=["vae", "autoencoder", "pixelcnn"])
def model(request):
    return entries.build(request.param, entries.module(request.param).SMALL)


def test_next_steps_are_those_that_the_model_can_follow(model):
    found = ending.next_steps(model, Path("runs/one"))
    assert list(found) == [name for name in EVERY if name != LACKING.get(model.entry)]
    for module, line in found.items():
        assert importlib.util.find_spec(module)
        assert line.startswith(f"python -m {module} ")
        assert " runs/one" in line


def test_a_path_is_quoted_and_a_model_of_another_package_is_registered(small_vae):
    found = ending.next_steps(small_vae(), Path("my runs/one"), "my_pkg.gmvae")
    assert found["zoo.evaluate"] == "python -m zoo.evaluate 'my runs/one' --register my_pkg.gmvae"
    assert found["zoo.apply"] == "python -m zoo.apply --list 'my runs/one' --register my_pkg.gmvae"


def test_it_fits_a_terminal_with_the_longest_of_the_default_paths(small_vae):
    run = Path("runs") / f"{max(ENTRIES, key=len)}-{datetime.datetime(2030, 12, 24, 12, 30, 59):%Y%m%d-%H%M%S}"
    names = ("samples", "reconstructions", "manifold", "latent", "traversal", "interpolation", "history", "training")
    lines = ending.as_text(METRICS, run, [run / "figures" / f"{name}.png" for name in names], small_vae()).splitlines()
    assert max(map(len, lines)) <= ending.COLUMNS
    assert len(lines) - 1 - lines.index("What to do next:") <= 5
    text = "\n".join(lines)
    for words in ("91.33 nats per image", "1,234.50 s", "1,200", "training.png", str(run / "figures")):
        assert words in text


def test_what_a_command_is_for_stands_behind_it_where_there_is_room(small_vae):
    text = ending.as_text(METRICS, Path("runs/vae"), [], small_vae())
    assert "# new images" in text
    assert "figures" not in text
