"""Other formats than TensorFlow Serving's: a model's signatures for LiteRT (phones, browsers) and for ONNX Runtime.

python -m export ENTRY_OR_RUN --to DIR --format litert    writes and proves DIR/NAME/litert-float32/1

`options` says what may be asked for, `litert` and `onnx` convert a signature, `writing` makes the folder, `readme` its
text, and `checking` is the fresh process without TensorFlow that proves it, through `running`.
"""
