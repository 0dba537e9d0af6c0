"""The models: one module an entry, and the commands that train, evaluate and draw them."""

ENTRIES = ("vae", "cvae", "iaf_vae", "aae", "dcgan")
