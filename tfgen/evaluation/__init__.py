"""How trained models are measured and shown.

images        images as a model sees them, in chunks
likelihood    rate, distortion, -ELBO and NLL under a protocol
codes         what the code carries about the image
scores        Frechet and kernel distance, precision and recall, from features
features      where images are compared: in a classifier's features, or a Keras model's
recognition   the zoo's own classifier
parzen        the Parzen-window score
pictures      what can be drawn of a model
"""

from tfgen import quiet

quiet.import_tensorflow()
