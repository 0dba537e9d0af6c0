"""What lies on a disk: runs, weights and their manifest; and how a name or a run becomes a model.

runs       a run directory and its files
weights    weights files, checked before they are read
manifest   the SHA-256 of every weights file of a folder
entries    the models there are: the zoo's and those that a user's package registers
loading    `tfgen.load`

None of these modules imports TensorFlow before it needs it.
"""
