"""The gated PixelCNN: two stacks of masked convolutions without a blind spot (van den Oord et al. 2016, arXiv
1606.05328).

The vertical stack sees the rows above a pixel, the horizontal one the pixels left of it and the vertical stack. Pixels
are taken in raster order, the channels of a pixel one after the other as columns of their own, [B, H, W * C, 1]. A mask
that leaves half of a kernel is written as the kernel of that half, on maps that are shifted once, at the start, and
padded by zeros where the other half would be. So a layer computes a whole image, or one row, or one pixel of what
precedes it.
"""

import keras
import tensorflow as tf

from tfgen import checks
from tfgen.networks.common import functional

layers = keras.layers
FIRST_REACH = 3  # pixels back that the first layer sees, 7 x 7 before its mask


class GatedLayer(layers.Layer):
    """A layer of both stacks, tanh(a) * sigmoid(b) units (equation 2, figure 2); the label is added to each (4).

    Args:
        filters: channels of either stack.
        reach: rows above, and pixels to either side or before, that a kernel sees.
        inputs: channels of what it is given.
        classes: of a one-hot label, or 0.
    """

    def __init__(self, filters: int, reach: int, inputs: int, classes: int = 0, **options):
        super().__init__(**options)
        self.reach, self.inputs, self.residual = reach, inputs, inputs == filters
        self.vertical = layers.Conv2D(2 * filters, (reach + 1, 2 * reach + 1))
        self.horizontal = layers.Conv2D(2 * filters, (1, reach + 1))
        self.across, self.outwards = layers.Conv2D(2 * filters, 1), layers.Conv2D(filters, 1)
        self.label = layers.Dense(4 * filters, use_bias=False) if classes else None
        self.vertical.build((None, None, None, inputs))
        self.horizontal.build((None, None, None, inputs))
        self.across.build((None, None, None, 2 * filters))
        self.outwards.build((None, None, None, filters))
        if classes:
            self.label.build((None, classes))
        self.built = True

    def biases(self, label):
        """What a label [B, classes] adds to the gates of the two stacks, [B, 1, 1, 2 F] each; 0 without one."""
        if self.label is None:
            return 0.0, 0.0
        return tf.split(self.label(label)[:, None, None], 2, axis=-1)

    def rows(self, maps, bias=0.0):
        """The vertical stack on [B, reach + n, W, F], the rows above included.

        Returns:
            Its next maps, [B, n, W, F], and what the horizontal stack takes from it, [B, n, W, 2 F].
        """
        units = self.vertical(tf.pad(maps, [[0, 0], [0, 0], [self.reach] * 2, [0, 0]]))
        return gate(units + bias), self.across(units)

    def columns(self, maps, above, bias=0.0):
        """The horizontal stack on [B, n, reach + m, F], the pixels before included, and `above` [B, n, m, 2 F]."""
        units = self.outwards(gate(self.horizontal(maps) + above + bias))
        return maps[:, :, self.reach :] + units if self.residual else units

    def call(self, vertical, horizontal, label=None):
        """Both stacks on whole images, [B, H, W, F] each."""
        bias, own_bias = self.biases(label)
        vertical, above = self.rows(tf.pad(vertical, [[0, 0], [self.reach, 0], [0, 0], [0, 0]]), bias)
        before = tf.pad(horizontal, [[0, 0], [0, 0], [self.reach, 0], [0, 0]])
        return vertical, self.columns(before, above, own_bias)


class Shifted(layers.Layer):
    """Images [B, H, W, C] as the stacks begin with them: shifted down by a row, and right by a column.

    Pixels are -1..1, so that the padding is none of the two ends; of colour images the channel of each column is told.
    """

    def __init__(self, channels: int, **options):
        super().__init__(dtype="float32", **options)  # half precision would not tell 256 levels apart
        self.channels = channels
        self.built = True

    def coded(self, values, columns):
        """Levels [B, n, m, 1], those before the ones at `columns` [m], as the first layer takes them."""
        if self.channels == 1:
            return values
        channel = tf.one_hot(columns % self.channels, self.channels, dtype=values.dtype)[None, None]
        return tf.concat([values, tf.broadcast_to(channel, [*tf.unstack(tf.shape(values))[:3], self.channels])], -1)

    def call(self, image):
        """Both shifted images, [B, H, W * C, 1 + channels told]."""
        height, width, channels = image.shape[1:]
        levels = tf.reshape(2 * image - 1, [-1, height, width * channels, 1])
        down = tf.pad(levels, [[0, 0], [1, 0], [0, 0], [0, 0]])[:, :-1]
        right = tf.pad(levels, [[0, 0], [0, 0], [1, 0], [0, 0]])[:, :, :-1]
        columns = tf.range(width * channels)
        return self.coded(down, columns), self.coded(right, columns)


class GatedPixelCNN(keras.Model):
    """Images [B, H, W, C], and one-hot labels, to raw parameters [B, H, W * C, P], each given the values before it."""

    def __init__(self, image_shape, parameters: int, filters: int, depth: int, classes: int = 0):
        height, width, channels = image_shape
        checks.positive_int("filters", filters)
        image, label = keras.Input((height, width, channels)), keras.Input((classes,))
        shifted = Shifted(channels)
        gates = [GatedLayer(filters, FIRST_REACH, inputs_of(channels), classes)]
        gates += [GatedLayer(filters, 1, filters, classes) for _ in range(checks.positive_int("depth", depth) - 1)]
        vertical, horizontal = shifted(image)
        for layer in gates:
            vertical, horizontal = layer(vertical, horizontal, *[label] * bool(classes))
        maps = keras.Input((None, None, filters))
        units = layers.Conv2D(2 * filters, 1, activation="relu")(layers.ReLU()(maps))
        head = functional(maps, layers.Conv2D(parameters, 1)(units), name="head")
        super().__init__([image, label] if classes else image, head(horizontal), name="network")
        self.shifted, self.gates, self.head = shifted, gates, head

    def drawn(self, like, choose, label=None):
        """Images drawn value by value, the maps of earlier rows and pixels kept instead of computed again.

        Args:
            like: a tensor of the shape of the images, [B, H, W, C].
            choose: a function of parameters [B, 1, 1, P], the row and the column of W * C, both scalar tensors, to the
                value there, [B], in [0, 1].
            label: one-hot, [B, classes], or None.

        Returns:
            float32 [B, H, W, C].
        """
        (rows, height, columns, channels), dtype = like.shape, self.gates[0].compute_dtype
        size, width = tf.shape(like)[0], columns * channels
        biases = [layer.biases(label) for layer in self.gates]
        zeros = lambda *shape, dtype=dtype: tf.zeros(tf.stack([size, *shape]), dtype)  # noqa: E731

        def draw_row(row, image, above, kept):
            maps, from_rows_above = self.shifted.coded(above, tf.range(width)), []
            for position, (layer, (bias, _)) in enumerate(zip(self.gates, biases, strict=True)):
                window = tf.concat([kept[position], maps], 1)
                kept[position] = window[:, 1:]
                maps, from_above = layer.rows(window, bias)
                from_rows_above.append(from_above)

            def draw_value(column, values, latest, before):
                maps = self.shifted.coded(latest, column[None])
                for position, (layer, (_, bias)) in enumerate(zip(self.gates, biases, strict=True)):
                    window = tf.concat([before[position], maps], 2)
                    before[position] = window[:, :, 1:]
                    maps = layer.columns(window, from_rows_above[position][:, :, column][:, :, None], bias)
                value = choose(self.head(maps), row, column)
                values = tf.where(tf.range(width) == column, value[:, None], values)
                return column + 1, values, tf.cast(2 * value[:, None, None, None] - 1, dtype), before

            before = [zeros(1, layer.reach, layer.inputs) for layer in self.gates]
            begin = tf.constant(0), zeros(width, dtype=tf.float32), zeros(1, 1, 1), before
            _, values, *_ = tf.while_loop(lambda column, *_: column < width, draw_value, begin)
            values.set_shape([rows, width])  # which a loop forgets
            image = tf.where((tf.range(height) == row)[:, None], values[:, None], image)
            return row + 1, image, tf.cast(2 * values[:, None, :, None] - 1, dtype), kept

        kept = [zeros(layer.reach, width, layer.inputs) for layer in self.gates]
        begin = tf.constant(0), zeros(height, width, dtype=tf.float32), zeros(1, width, 1), kept
        _, image, *_ = tf.while_loop(lambda row, *_: row < height, draw_row, begin)
        return tf.reshape(image, tf.shape(like))


def inputs_of(channels: int) -> int:
    """The channels that the first layer is given: a value, and of colour images its channel."""
    return 1 if channels == 1 else 1 + channels


def gate(maps):
    """tanh(a) * sigmoid(b) of maps [..., 2 F]: [..., F]."""
    value, opening = tf.split(maps, 2, axis=-1)
    return tf.tanh(value) * tf.sigmoid(opening)
