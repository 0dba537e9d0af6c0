"""The page to play with a model: its functions as a program of a few operations, its facts, and the page's own text."""
