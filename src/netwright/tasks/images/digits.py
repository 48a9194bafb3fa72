"""The 1,797 handwritten digits of scikit-learn: a task of 8x8 images that needs no download.

It is meant for examples, tests and first steps. Results on it do not carry over to CIFAR-10.
Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI repository (its test part).
"""

import numpy as np
import torch

from netwright.tasks.images.data import ImageData

NUM_TEST = 300
BRIGHTEST = 16  # a pixel is the number of dark pixels in a block of 4x4, hence 0..16


def load_digits() -> ImageData:
    """Return 1,497 training and 300 test images of shape [1, 8, 8]; the same ones in every run and version."""
    from sklearn.datasets import load_digits as load_embedded  # imported here: it takes most of a second

    embedded = load_embedded()
    images = np.rint(embedded.images * (255 / BRIGHTEST)).astype(np.uint8)[:, np.newaxis]
    # RandomState's stream is frozen for all numpy versions; that of default_rng may change.
    order = np.random.RandomState(0).permutation(len(images))
    test, train = order[:NUM_TEST], order[NUM_TEST:]
    labels = embedded.target.astype(np.int64)
    return ImageData(
        name="digits (scikit-learn)",
        train_images=torch.from_numpy(images[train]),
        train_labels=torch.from_numpy(labels[train]),
        test_images=torch.from_numpy(images[test]),
        test_labels=torch.from_numpy(labels[test]),
        class_names=tuple(str(digit) for digit in range(10)),
    )
