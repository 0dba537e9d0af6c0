"""The data sets of TensorFlow Datasets that have an `image` feature: a misspelt name is refused without importing it.

Those of version 4.9.10. A data set that is not among them is read where it is prepared.
"""

from tfgen import spelling

PUBLISHED = frozenset(
    """
aflw2k3d ai2dcaption bccd beans bigearthnet binarized_mnist binary_alpha_digits caltech101 caltech_birds2010
caltech_birds2011 cars196 cassava cats_vs_dogs celeb_a celeb_a_hq cifar10 cifar100 cifar10_1 cifar10_corrupted
citrus_leaves clevr clic cmaterdb coco coco_captions coil100 colorectal_histology colorectal_histology_large
curated_breast_imaging_ddsm cycle_gan deep_weeds diabetic_retinopathy_detection dmlab downsampled_imagenet dsprites
dtd emnist eurosat fashion_mnist flic food101 geirhos_conflict_stimuli horses_or_humans i_naturalist2017 imagenet2012
imagenet2012_corrupted imagenet2012_multilabel imagenet2012_real imagenet2012_subset imagenet_a imagenet_lt imagenet_r
imagenet_resized imagenet_sketch imagenet_v2 imagenette imagewang kitti kmnist lfw lsun lvis malaria mnist
mnist_corrupted nyu_depth_v2 omniglot open_images_challenge2019_detection open_images_v4 oxford_flowers102
oxford_iiit_pet pass patch_camelyon pet_finder places365_small placesfull plant_leaves plant_village plantae_k
pneumonia_mnist quickdraw_bitmap resisc45 rock_paper_scissors s3o4d scene_parse150 shapes3d siscore smallnorb so2sat
stanford_dogs stanford_online_products stl10 sun397 svhn_cropped symmetric_solids tf_flowers the300w_lp uc_merced
visual_domain_decathlon voc wake_vision wider_face
""".split()  # noqa: SIM905
)
USUAL = ("mnist", "fashion_mnist", "kmnist", "emnist/digits", "cifar10", "svhn_cropped", "celeb_a")  # for messages


def is_published(name: str) -> bool:
    """Whether a name, with or without a configuration behind a slash, is one of the published data sets."""
    return name.partition("/")[0] in PUBLISHED


def choices(name: str, prepared) -> str:
    """What a data set may be, for a message, and the name that an unknown one was probably meant to be."""
    names = dict.fromkeys((*USUAL, *prepared))
    published = f"an image data set of TensorFlow Datasets ({', '.join(names)}, ...)"
    words = f"digits, a folder of pictures, an .npz file, or {published}"
    return f"{words}; got {name!r}{spelling.meant(name, sorted({'digits', *names, *PUBLISHED}), 0.75)}"
