"""The networks of the zoo: functional Keras models from tensors to tensors, never to distributions.

Their variables exist as soon as they are made. An encoder maps images [B, 28, 28, 1] to raw parameters [B, P], a
decoder codes [B, Z] to logits [B, 28, 28, 1]; with `classes`, both take a one-hot label [B, classes] as second input.
"""

import keras
import tensorflow as tf

IMAGE_SHAPE = (28, 28, 1)


def dense_encoder(outputs: int, hidden_units, classes: int = 0, name: str = "encoder"):
    """Fully connected encoder with ReLU units and Glorot's initialisation."""
    image, label = keras.Input(IMAGE_SHAPE), keras.Input((classes,))
    units = keras.layers.Flatten()(image)
    if classes:
        units = keras.layers.Concatenate()([units, label])
    for width in hidden_units:
        units = keras.layers.Dense(width, "relu")(units)
    units = keras.layers.Dense(outputs)(units)
    return keras.Model([image, label] if classes else [image], units, name=name)


def dense_decoder(latent_dim: int, hidden_units, classes: int = 0, name: str = "decoder"):
    """Fully connected decoder to logits, ReLU units and Glorot's initialisation."""
    latent, label = keras.Input((latent_dim,)), keras.Input((classes,))
    units = keras.layers.Concatenate()([latent, label]) if classes else latent
    for width in hidden_units:
        units = keras.layers.Dense(width, "relu")(units)
    logits = keras.layers.Reshape(IMAGE_SHAPE)(keras.layers.Dense(28 * 28)(units))
    return keras.Model([latent, label] if classes else [latent], logits, name=name)


def apply(network, *inputs):
    """A network on inputs with any number of leading axes: [..., F] -> [..., outputs]."""
    leading = tf.shape(inputs[0])[:-1]
    flat = [tf.reshape(value, [-1, value.shape[-1]]) for value in inputs]
    outputs = network(flat)
    return tf.reshape(outputs, tf.concat([leading, tf.shape(outputs)[1:]], 0))
