"""Networks fit random labels (Zhang et al. 2016, Understanding deep learning requires rethinking generalization).

A share of the training images gets labels sampled at random. The same network with the same training reaches 100%
accuracy on its training images for every share, although there is nothing to learn from random labels: on validation
images, whose labels are the true ones, it is then no better than chance. The number of weights, the training and the
accuracy on training images cannot tell whether a network generalises; only images that it was not trained on can.

    python examples/random_labels.py
    python examples/random_labels.py --data FOLDER      # your images: a sub-folder for each class
"""

import argparse
from pathlib import Path

import torch
from line_chart import write_line_chart

import netwright as nw
from netwright.children.building import initialise, num_parameters
from netwright.errors import NetwrightError
from netwright.tasks.catalog import open_images
from netwright.tasks.images.data import ImageSplit, split_images
from netwright.training.images import measure_accuracy, train_classifier
from netwright.training.speed import Speed

SPEED = Speed(device="auto", precision="float32")


def small_network(width: int) -> nw.ConvNet:
    """A chain of four 3x3 convolutions; the second halves the maps."""
    layers = [
        nw.ConvLayer(
            filter_height=3, filter_width=3, num_filters=width, inputs=(i - 1,) if i else (), pool=2 if i == 1 else 1
        )
        for i in range(4)
    ]
    return nw.ConvNet(tuple(layers))


def with_random_labels(split: ImageSplit, share: float, seed: int) -> ImageSplit:
    """Replace the labels of a share of the training images by labels that are all equally likely."""
    generator = torch.Generator().manual_seed(seed)
    labels = split.train_labels.clone()
    changed = torch.randperm(len(labels), generator=generator)[: round(share * len(labels))]
    labels[changed] = torch.randint(split.num_classes, (len(changed),), generator=generator)
    return ImageSplit(split.train_images, labels, split.validation_images, split.validation_labels, split.num_classes)


def train(split: ImageSplit, options: argparse.Namespace) -> tuple[list[float], list[float], int]:
    """Train a fresh network; return its accuracies after each epoch, in training and validation, and its size."""
    channels, *image_size = split.train_images.shape[1:]
    network = nw.build(small_network(options.width), split.num_classes, channels, image_size=tuple(image_size))
    initialise(network, options.seed)
    training_accuracies: list[float] = []

    def measure(epoch: int, accuracy: float | None) -> None:
        images, labels = split.train_images, split.train_labels
        training_accuracies.append(measure_accuracy(network, images, labels, upsample=None, speed=SPEED))

    history = train_classifier(
        network, split, seed=options.seed, epochs=options.epochs, batch_size=50, learning_rate=0.05,
        schedule="cosine", momentum=0.9, weight_decay=0.0, upsample=None, flips=False, speed=SPEED, on_epoch=measure,
    )  # fmt: skip
    return training_accuracies, history["validation_accuracies"], num_parameters(network)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder of images or an .npz file; default: scikit-learn's digits")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.0, 0.5, 1.0], help="shares of random labels")
    parser.add_argument("--images", type=int, default=1000, help="training images")
    parser.add_argument("--validation", type=float, default=0.2, help="share of the images for validation")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--width", type=int, default=64, help="filters of each layer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=Path, default=Path("random_labels.svg"), help="the SVG file to write")
    options = parser.parse_args()
    try:
        data = open_images("images" if options.data else "digits", options.data, verify=False)
        split = split_images(data, num_validation=options.validation, seed=options.seed, num_train=options.images)
    except NetwrightError as error:
        parser.error(str(error))
    print(f"{data.name}: {len(split.train_images)} training images, {len(split.validation_images)} validation images")
    print("random labels  training accuracy  validation accuracy")
    lines: dict[str, list[float]] = {}
    for share in options.shares:
        training, validation, size = train(with_random_labels(split, share, options.seed), options)
        lines[f"{share:.0%} training"], lines[f"{share:.0%} validation"] = training, validation
        print(f"{share:13.0%}  {training[-1]:17.1%}  {validation[-1]:19.1%}", flush=True)
    print(f"{size:,} weights; chance: {1 / split.num_classes:.1%}")
    write_line_chart(options.picture, "Accuracy with random labels", "epochs", lines)
    print(f"picture: {options.picture}")


if __name__ == "__main__":
    main()
