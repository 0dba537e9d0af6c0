"""The models of the zoo, one a module. None of them imports another."""

from tfgen import quiet

quiet.import_tensorflow()
