"""TensorFlow Serving's REST interface for development: `python -m export.serve`, and the server of the tests."""
