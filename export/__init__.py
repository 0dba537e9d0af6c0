"""The serving: SavedModels of the zoo for TensorFlow Serving, proved through TensorFlow's own C++ loader.

python -m export ENTRY_OR_RUN --to DIR            writes and proves DIR/NAME/1, the next free version after that
python -m export.verify DIR/NAME/1                inspects a version, then proves it again
python -m export.benchmark DIR/NAME/1             what it costs to load and to run
python -m export.replay DIR/NAME/1 --url URL      sends the golden requests to a running server
export.client.Client(url, name)                   the signatures as Python functions, over REST or gRPC

Importing this package imports no TensorFlow: whoever verifies a version or calls a server needs none of its Python.
"""
