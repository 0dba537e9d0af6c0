"""What serving costs beside the bare decoder; timings need a quiet machine, so they are no part of every run."""

import time

import numpy as np
import pytest
import tensorflow as tf

pytestmark = pytest.mark.slow


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


def test_a_sample_takes_less_than_two_milliseconds(vae_session):
    median = in_turns({"sample": lambda: vae_session.run("sample", {"seed": np.array([7])})})["sample"]
    print(f"sample, batch 1: p50 {1e3 * median:.2f} ms")
    assert median < 2e-3


def test_drawing_by_row_leaves_most_of_the_decoder(vae, vae_session):
    rows = np.arange(256)
    latent = vae.model.draw_prior(tf.constant(rows))
    signature = [tf.TensorSpec([None, vae.model.latent_dim], tf.float32)]
    decoder = tf.function(vae.model.image_mean, input_signature=signature)
    draw = tf.function(vae.model.draw_prior, input_signature=[tf.TensorSpec([None], tf.int64)])
    medians = in_turns(
        {
            "decoder": lambda: decoder(latent).numpy(),
            "sample": lambda: vae_session.run("sample", {"seed": rows}),
            "draw": lambda: draw(rows).numpy(),
        }
    )
    share = medians["decoder"] / medians["sample"]
    print(
        f"batch 256: bare decoder {1e3 * medians['decoder']:.2f} ms, served sample {1e3 * medians['sample']:.2f} ms "
        f"({share:.0%} of its images/s), of which the draw by row {1e3 * medians['draw']:.2f} ms"
    )
    assert share > 0.35
