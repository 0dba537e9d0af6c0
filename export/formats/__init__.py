"""Models outside TensorFlow: a file a signature in LiteRT's or ONNX's format, compared with Python before it appears.

converting    `python -m export NAME --to DIR --format litert|onnx`: the folder and what lies in it
litert, onnx  a format each: how a signature is converted, and how its file is run
comparing     the process that runs the files, without TensorFlow, and compares their answers
"""
