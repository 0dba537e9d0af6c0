"""How a converted signature is run: by LiteRT's interpreter or by ONNX Runtime. Needs no TensorFlow."""

from pathlib import Path

import numpy as np


def opened(path: Path):
    """A converted signature, as a function of named arrays that answers named arrays."""
    return {".tflite": _litert, ".onnx": _onnx}[path.suffix](path)


def output(name: str, inputs) -> str:
    """The name of an output in ONNX, where no output may be named like an input."""
    return f"{name}_out" if name in inputs else name


def _litert(path: Path):
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_path=str(path)).get_signature_runner(path.stem)
    return lambda inputs: {name: np.array(value) for name, value in runner(**inputs).items()}


def _onnx(path: Path):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    taken = [each.name for each in session.get_inputs()]
    outputs = [each.name for each in session.get_outputs()]
    names = {name.removesuffix("_out"): name for name in outputs}

    def run(inputs: dict) -> dict:
        answers = session.run(list(names.values()), {name: inputs[name] for name in taken})
        return dict(zip(names, answers, strict=True))

    return run
