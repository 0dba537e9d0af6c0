"""Hidden layers of one encoder that another starts with: which are taken, and what stays as it is."""

import keras
import numpy as np
import pytest

from tfgen.models import pretraining
from zoo.models import autoencoder, cvae, gan, iaf_vae, vae


def built(module, seed: int, **hyperparameters):
    keras.utils.set_random_seed(seed)
    return module.build(**hyperparameters)


def kernels(network) -> list[np.ndarray]:
    return [layer.get_weights()[0] for layer in network.layers if layer.weights]


def test_hidden_layers_are_taken_and_all_else_stays():
    source = built(autoencoder, 1, hidden_units=(16, 8), latent_dim=7)
    model = built(vae, 2, hidden_units=(16, 8), latent_dim=3)
    before, decoder = kernels(model.encoder), model.decoder.get_weights()
    assert pretraining.take(model, source, "RUN") == ["784 x 16 relu", "16 x 8 relu"]
    first, second, head = kernels(model.encoder)
    np.testing.assert_array_equal(first, kernels(source.encoder)[0])
    np.testing.assert_array_equal(second, kernels(source.encoder)[1])
    np.testing.assert_array_equal(head, before[2])
    for ours, own in zip(model.decoder.get_weights(), decoder, strict=True):
        np.testing.assert_array_equal(ours, own)


def test_convolutional_layers_are_taken():
    source = built(autoencoder, 1, network="conv", hidden_units=(4, 8), latent_dim=7)
    model = built(iaf_vae, 2, **iaf_vae.SMALL | {"channels": (4, 8)})
    pretraining.take(model, source, "RUN")
    *taken, head = kernels(model.encoder)
    for ours, theirs in zip(taken, kernels(source.encoder), strict=False):
        np.testing.assert_array_equal(ours, theirs)
    assert len(taken) == len(kernels(source.encoder)) - 1 == 7
    assert head.shape != kernels(source.encoder)[-1].shape


def test_layers_behind_the_first_that_differs_are_not_taken():
    source = built(autoencoder, 1, hidden_units=(16, 8, 8, 8))
    model = built(vae, 2, hidden_units=(16, 9, 8, 8))
    before = kernels(model.encoder)
    assert pretraining.take(model, source, "RUN") == ["784 x 16 relu"]
    for ours, own in zip(kernels(model.encoder)[1:], before[1:], strict=True):
        np.testing.assert_array_equal(ours, own)


def test_layers_with_another_activation_are_others():
    source, model = built(autoencoder, 1, hidden_units=(16,)), built(vae, 2, hidden_units=(16,))
    source.encoder.layers[-2].activation = keras.activations.tanh
    with pytest.raises(ValueError, match=r"784 x 16 tanh, 16 x 64, and that of vae, 784 x 16 relu, 16 x 50, have no"):
        pretraining.take(model, source, "RUN")


def test_encoders_without_a_hidden_layer_in_common_are_refused_with_both_shapes():
    whole = built(vae, 2, hidden_units=(16,))
    with pytest.raises(ValueError, match="'RUN': its encoder, 784 x 64, and that of vae, 784 x 16 relu, 16 x 50, have"):
        pretraining.take(whole, built(autoencoder, 1), "RUN")
    told = built(cvae, 2, hidden_units=(16,))
    with pytest.raises(ValueError, match="784 x 16 relu, 16 x 50, and that of cvae, 794 x 16 relu, 16 x 70, have no"):
        pretraining.take(told, whole, "RUN")


def test_models_without_an_encoder_say_which_have_one():
    for pair in ((built(vae, 1), built(gan, 2)), (built(gan, 2), built(vae, 1))):
        with pytest.raises(ValueError, match=r"^init-from 'RUN': gan has no encoder, which vae, "):
            pretraining.take(*pair, "RUN")
