"""What the tasks share.

job        what a task works on         result    its rows, metrics and figure, as text, Markdown and JSON
abilities  what a task asks a model for, and which models have it
masks, chain   what of an image is missing, and a Markov chain that completes it
completing a model that undoes damage: whether it suits, the mean of its draws
restoring  PSNR and SSIM, filters and their settings, by scikit-image
neighbours the training images that are nearest by what is known of an image
search     the code whose image is nearest to what is known of an image
scores, detection, detectors   what `anomaly` needs: scores of models, their AUROC, baselines
hashing, retrieval          bits from codes, and how well they find images of the same class
codes      the codes of images, and the images of codes
probes     what judges codes by the classes of their images
attributes     what can be measured of an image, such as slant
drawings   histograms and maps
"""
