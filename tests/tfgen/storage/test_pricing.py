"""The price of a model: that of the model that is built, known without its memory, and forgotten by Keras."""

import keras
import numpy as np
import pytest

from tfgen.storage import entries, pricing


@pytest.mark.parametrize("entry", entries.entries())
def test_the_price_is_that_of_the_model_that_is_built(entry):
    small = entries.module(entry).SMALL
    model = entries.build(entry, small)
    assert pricing.numbers(entry, small) == sum(int(np.prod(variable.shape)) for variable in model.variables)


@pytest.mark.parametrize("latent_dim", [10**9, 10**15])
def test_more_than_the_memory_is_refused_with_the_number(latent_dim):
    with pytest.raises(ValueError, match=r"^this vae has [\d,]+ numbers in its variables and needs \d+.*B of memory; "):
        pricing.numbers("vae", {"latent_dim": latent_dim})


class Plain(keras.layers.Layer):
    """A layer whose shapes Keras infers by calling it, with all variables that it has yet to initialise."""

    def call(self, image):
        return keras.ops.reshape(image, (-1, 4))


def test_keras_initialises_nothing_that_was_priced():
    with pytest.raises(ValueError, match="is free"):
        pricing.numbers("vae", {"latent_dim": 10**15})
    pricing.numbers("vae", {"latent_dim": 3})
    assert Plain()(keras.Input((2, 2))).shape == (None, 4)
