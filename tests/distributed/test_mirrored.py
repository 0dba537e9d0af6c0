"""Two logical devices train as one does: `one_step.py`, in a process of its own, because devices are made once."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tfgen
from tfgen.storage import entries

CLIP_NORM = 1.0


def listed() -> dict:
    """Every entry as its module makes it small, and its variants: name -> (entry, hyperparameters, clipping)."""
    found = {}
    for entry in tfgen.entries():
        module = entries.module(entry)
        clip_norm = CLIP_NORM if module.build.conditional else None
        for number, variant in enumerate(({}, *getattr(module, "VARIANTS", ()))):
            found[f"{entry} {number}" if number else entry] = entry, module.SMALL | variant, clip_norm
    return found


MODELS = listed()
CLIPPED = next(name for name, (*_, clip_norm) in MODELS.items() if clip_norm)
QUICK = (CLIPPED,)
OTHERS = [name for name in MODELS if name not in QUICK]


def steps_of(names) -> dict:
    """What the script says of these models."""
    script, settings = Path(__file__).parent / "one_step.py", {name: MODELS[name] for name in names}
    words = [sys.executable, str(script), json.dumps(settings)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def steps():
    return steps_of(QUICK)


@pytest.fixture(scope="module")
def other_steps():
    return steps_of(OTHERS)


def assert_devices_agree(found: dict) -> None:
    one, two = found["metrics"]
    assert one == pytest.approx(two, rel=1e-5)
    assert np.isfinite(list(one.values())).all()
    assert found["apart"] <= 1e-5 * found["largest"]
    assert found["largest"] > 1e-3


@pytest.mark.parametrize("name", QUICK)
def test_gradients_are_those_of_one_device_on_the_global_batch(steps, name):
    """Only with the noise of the global rows."""
    assert_devices_agree(steps[name])


def test_gradients_are_clipped_after_devices_have_added_them_up(steps):
    assert steps[CLIPPED]["norm"] == pytest.approx(CLIP_NORM, rel=1e-4)


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.parametrize("name", OTHERS)
def test_gradients_of_every_other_model_are_those_of_one_device_too(other_steps, name):
    """For DCGAN only with batches normalised over both devices."""
    assert_devices_agree(other_steps[name])


STREAMED = """
import sys
from pathlib import Path
import numpy as np
from tfgen import data, quiet
tf = quiet.import_tensorflow()
(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tfgen.data import stored
from tfgen.training import loop, strategies
from zoo.models import vae

def in_file(split):
    path = Path(sys.argv[1], split.name)
    path.write_bytes(split.images.tobytes())
    images = stored.StoredImages(path, split.images.shape, 1_000_000)
    return data.Split(split.name, images, split.labels)

loop.STEPS_PER_BLOCK = 4  # which fit: metrics are added up block by block, and so round alike
digits, ends = data.load("digits"), []
for put in (lambda split: split, in_file):
    strategy = strategies.make("mirrored", print)
    assert strategy.num_replicas_in_sync == 2
    with strategy.scope():
        loop.set_initial_seed(0)
        model = vae.build(latent_dim=3, hidden_units=(16,))
        model.compile_recipe(learning_rate=1e-3, steps=None)
    history = loop.fit(model, put(digits.train), validation=put(digits.validation), epochs=2, batch_size=100).history
    ends.append((history, model.get_weights()))
assert ends[0][0] == ends[1][0]
assert all((one == other).all() for one, other in zip(ends[0][1], ends[1][1]))
"""


@pytest.mark.slow
def test_streamed_images_train_as_those_in_memory_do(tmp_path):
    done = subprocess.run([sys.executable, "-c", STREAMED, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.parametrize("entry", tfgen.entries())
def test_plain_calls_of_keras_give_the_same_numbers(entry):
    words = [sys.executable, str(Path(__file__).parent / "plain_fit.py"), entry]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    for one, two in zip(found["one"], found["two"], strict=True):
        assert one == pytest.approx(two, rel=1e-4)
    assert found["apart"] < 1e-5
