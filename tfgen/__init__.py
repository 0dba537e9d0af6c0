"""tfgen: deep generative models for TensorFlow and Keras.

import tfgen
model = tfgen.load("cvae")
images = model.sample(4, digit=5, seed=0)  # float32 [4, 28, 28, 1] in [0, 1]

Importing this package is cheap: TensorFlow is imported when a name that needs it is used for the first time.
"""

import importlib

_PUBLIC = {  # name -> the module that defines it
    "Adversarial": "tfgen.models",
    "Autoencoding": "tfgen.models",
    "Model": "tfgen.models",
    "Variational": "tfgen.models",
    "entries": "tfgen.storage.entries",
    "load": "tfgen.storage.loading",
    "register": "tfgen.storage.entries",
    "row_seeds": "tfgen.inputs",
    "show": "tfgen.figures",
}

_PACKAGES = ("data", "tasks")

__all__ = [*_PUBLIC]


def __getattr__(name: str):
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("tfgen")
    if name in _PACKAGES:
        return importlib.import_module(f"tfgen.{name}")
    if name not in _PUBLIC:
        raise AttributeError(f"module 'tfgen' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__():
    return sorted({*globals(), *_PUBLIC, "__version__", *_PACKAGES})


# Keras's files find the models: this names them to Keras, once it is imported, and imports none of them.
importlib.import_module("tfgen.storage.keras_files").register_entries_with_keras()
