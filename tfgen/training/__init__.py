"""How a model is trained: the loop, what happens around an epoch, and what it runs on.

loop          `fit`: Keras's own on a data set that lives in device memory, many steps a call
streaming     the same on images that are read from a file, ahead of the steps
means         the means of metrics over an epoch
replicas      one step on several devices
strategies    one device, all of a machine, several machines
callbacks     progress, the run's files
checkpoints   all that a training needs to resume as if it had never stopped
diagnosis     which number of which step was the first that is not finite
symptoms      what goes wrong while all numbers are finite
schedules     how learning rates fall
"""

from tfgen import quiet

quiet.import_tensorflow()
