"""What may be asked for: formats, how their weights are stored, and the packages they need. Imports nothing heavy."""

import importlib.util

SAVED_MODEL = "savedmodel"
WEIGHTS = {  # format -> how its weights may be stored; the first is the default
    SAVED_MODEL: ("float32",),
    "litert": ("float32", "float16", "int8"),
    "onnx": ("float32", "float16"),
}
PACKAGES = {"litert": ("ai_edge_litert",), "onnx": ("onnx", "tf2onnx", "onnxruntime")}  # of the extra of that name
NAMES = {"litert": "LiteRT", "onnx": "ONNX"}
RUNTIMES = {"litert": "ai-edge-litert", "onnx": "onnxruntime"}  # what runs it, by its name for pip
ENDINGS = {"litert": ".tflite", "onnx": ".onnx"}


def check(form: str, weights: str) -> None:
    """Raises ValueError unless a format can be written here with its weights stored so."""
    if weights not in WEIGHTS[form]:
        others = [f"--format {other}" for other in PACKAGES if weights in WEIGHTS[other]]
        raise ValueError(
            f"the weights of {form} must be {' or '.join(WEIGHTS[form])}, got {weights!r}; "
            f"{' and '.join(others)} can store them so"
        )
    if missing := absent(form):
        names = ", ".join(missing)
        raise ValueError(f"format {form} needs packages that are not installed, {names}: {install(form)}")


def install(extra: str) -> str:
    """How to install the packages of an extra. tfgen is not on a package index: another project has its name there."""
    return f"pip install '.[{extra}]' in the folder of tfgen's source"


def absent(form: str) -> list[str]:
    """The packages that a format needs and that are not installed."""
    return [name for name in PACKAGES.get(form, ()) if importlib.util.find_spec(name) is None]


def folder(form: str, weights: str) -> str:
    """The name of the folder, beside the versions for TensorFlow Serving, which ignores it: litert-int8."""
    return f"{form}-{weights}"


FOLDERS = {folder(form, weights): form for form in PACKAGES for weights in WEIGHTS[form]}
