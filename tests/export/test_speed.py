"""What exporting and serving cost, with the weights that ship; timings need a quiet machine: no part of every run."""

import os
import time

import numpy as np
import pytest

import tfgen
from export.__main__ import export
from export.session import Session
from tfgen.quiet import tf
from tfgen.storage import loading

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=filter(loading.shipped, tfgen.entries()))
def shipped(request, tmp_path_factory):
    """An entry with the weights that ship, and its version, exported by the command's own function."""
    served = tmp_path_factory.mktemp("shipped")
    before = sum(os.times()[:4])  # processor time, of the verifying process too: a busy machine does not stretch it
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CUDA_VISIBLE_DEVICES", "-1")
        export(request.param, to=served)
    seconds = sum(os.times()[:4]) - before
    return tfgen.load(request.param), served / request.param / "1", seconds


def in_turns(functions: dict, turns: int = 400) -> dict:
    """Median seconds of each function, called in turns so that noise falls on all alike."""
    times = {name: [] for name in functions}
    for turn in range(turns + 20):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if turn >= 20:
                times[name].append(time.perf_counter() - start)
    return {name: float(np.median(values)) for name, values in times.items()}


def test_export_and_verification_take_less_than_a_minute(shipped):
    model, _, seconds = shipped
    print(f"{model.entry}: exported and verified in {seconds:.1f} s of processor time")
    assert seconds < 60


def test_a_sample_of_a_dense_model_takes_less_than_two_milliseconds(shipped):
    model, version, _ = shipped
    if model.convolutional:
        pytest.skip("convolutional")
    request = {"seed": np.array([7])} | ({"label": np.array([1])} if model.conditional else {})
    with Session(version) as session:
        median = in_turns({"sample": lambda: session.run("sample", request)})["sample"]
    print(f"{model.entry}: sample, batch 1: p50 {1e3 * median:.2f} ms")
    assert median < 2e-3


def test_drawing_by_row_leaves_most_of_a_dense_decoder(shipped):
    model, version, _ = shipped
    if model.convolutional or model.conditional or model.latent_dim is None:
        pytest.skip("convolutional, conditional or without a code")
    rows = np.arange(256)
    latent = model.draw_prior(tf.constant(rows))
    decoder = tf.function(model.image_mean, input_signature=[tf.TensorSpec([None, model.latent_dim], tf.float32)])
    draw = tf.function(model.draw_prior, input_signature=[tf.TensorSpec([None], tf.int64)])
    with Session(version) as session:
        medians = in_turns(
            {
                "decoder": lambda: decoder(latent).numpy(),
                "sample": lambda: session.run("sample", {"seed": rows}),
                "draw": lambda: draw(rows).numpy(),
            }
        )
    share = medians["decoder"] / medians["sample"]
    print(
        f"{model.entry}, batch 256: bare decoder {1e3 * medians['decoder']:.2f} ms, served sample "
        f"{1e3 * medians['sample']:.2f} ms ({share:.0%} of its images/s), of which the draw by row "
        f"{1e3 * medians['draw']:.2f} ms"
    )
    assert share > 0.35
