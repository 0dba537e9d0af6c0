"""Data sets from TensorFlow Datasets, folders of pictures, .npz files and arrays; in memory, or in a file if too large.

dataset    Split and Dataset            loading   a data set by name, path or file
folder     a folder of pictures         archive   an .npz file
arrays     arrays and tf.data           embedded  scikit-learn's digits
tfds       reading TensorFlow Datasets  versions, download, names   which there are, and how they come
pictures   decode, crop, resize         splits    train, validation, test
stored     images that lie in a file    decoded   data that do not fit, decoded to a file
budget     how much memory is free     few       few labels

Importing this imports neither TensorFlow nor TensorFlow Datasets.
"""

from tfgen.data.arrays import from_arrays
from tfgen.data.dataset import Dataset, Split, UnavailableError
from tfgen.data.loading import DEFAULT, EMBEDDED, check, load, load_or_embedded
from tfgen.data.versions import prepared

__all__ = [
    "DEFAULT",
    "EMBEDDED",
    "Dataset",
    "Split",
    "UnavailableError",
    "check",
    "from_arrays",
    "load",
    "load_or_embedded",
    "prepared",
]
