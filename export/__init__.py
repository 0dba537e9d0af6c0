"""The serving: SavedModels of the zoo for TensorFlow Serving."""
