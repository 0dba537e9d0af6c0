"""The networks of the zoo: functional Keras models from tensors to tensors, never to distributions.

dense           fully connected encoder, decoder and discriminator of codes
convolutional   residual convolutional encoder and decoder, whose number of stages follows the size of the images
masked          MADE, the autoregressive network of a flow or of pixels
gated           gated PixelCNN, of masked convolutions
coupling        the network of a step of a RealNVP flow
common          what they share: precision, leading axes, one-hot labels, statistics of batches

An encoder maps images [B, H, W, C] to raw parameters [B, P], a decoder codes [B, Z] to raw parameters of pixels
[B, H, W, P]; with `classes`, both take a one-hot label [B, classes] as second input.
"""

from tfgen import quiet

quiet.import_tensorflow()
