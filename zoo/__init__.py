"""The zoo: one model a module in `zoo/models`, and the commands that train, evaluate and draw them.

`ENTRIES` is the one list of the models. Another model is a module, a test and a name here (docs/new-model.md).
"""

ENTRIES = (
    "vae",
    "cvae",
    "iaf_vae",
    "aae",
    "dcgan",
    "gan",
    "discrete_vae",
    "pixelcnn",
    "autoencoder",
    "completer",
    "ssvae",
    "ssaae",
)
