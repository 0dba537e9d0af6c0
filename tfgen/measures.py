"""The numbers that are measured of a model, and what each of them means."""

FLOOR = "floor_"  # before the name of a score of training images in place of samples
MEANINGS = {
    "test_neg_elbo": "-ELBO, one sample of z an image; nats per image",
    "test_bits_per_dim": "-ELBO in bits for each channel of a pixel",
    "test_rate": "rate, the KL from posterior to prior; nats per image",
    "test_distortion": "distortion, the mean of -log p(image given z); nats per image",
    "test_activity": "mean of the code's units, each in 0..1",
    "test_nll": "NLL, exact or by the importance-weighted bound of K samples; nats per image",
    "test_nll_bits_per_dim": "NLL in bits for each channel of a pixel",
    "test_nll_error": "its standard error over images",
    "test_nll_k": "its samples K of z an image",
    "active_units": "dimensions of the code whose posterior mean has a variance over images above 0.01 of the prior's",
    "kl_per_dimension": "rate of each dimension of the code, nats",
    "code_mean_error": "largest difference of the aggregated posterior's mean over test images from the prior's",
    "code_covariance_error": "largest difference of an entry of its covariance from the prior's",
    "frechet": "Frechet distance to the test images in the features named below",
    "kid": "kernel distance (KID) to the test images",
    "kid_error": "its standard error over blocks of images",
    "precision": "improved precision: the share that lies among the test images",
    "recall": "improved recall: the share of the test images that lies among these",
    "confidence": "mean probability of the recognised class",
    "class_shares": "share of each class, as recognised",
    "class_entropy": "entropy of these shares, nats; at most the logarithm of the number of classes",
    "recognised_as_asked": "share recognised as the class that was asked for",
    "parzen": "Parzen-window score of the grey test images, nats per image; higher is better",
    "parzen_error": "its standard error over images",
    "parzen_bandwidth": "its bandwidth, the best of Goodfellow's ten on validation images, at most 1,000",
    "parzen_fine": "the same score by a grid of 46 bandwidths",
    "parzen_fine_error": "its standard error over images",
    "parzen_fine_bandwidth": "its bandwidth, the best of the 46",
}
TRAINING = {  # what a run has of its training besides
    "epochs": "passes over the training images, or as many epochs as the training took",
    "best_epoch": "the epoch whose weights these are",
    "images_per_s": "training images a second, the median over epochs",
    "seconds": "of the whole training, with its evaluation and figures",
}
