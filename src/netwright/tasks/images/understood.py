"""What was understood of a user's images, for people: said before anything is trained, and by `netwright data`.

It needs no torch, so that pages can be written from it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from netwright.architectures.values import JsonObject

MOST_NAMED = 4
"""Classes that are named in the short form."""


@dataclass(frozen=True)
class Sizes:
    """(height, width) of the smallest, the median and the largest of the original images, by number of pixels."""

    smallest: tuple[int, int]
    median: tuple[int, int]
    largest: tuple[int, int]

    @classmethod
    def of(cls, sizes: Sequence[tuple[int, int]]) -> "Sizes":
        """Find them among the sizes of all images, of which there is one or more."""
        ordered = sorted(sizes, key=lambda size: (size[0] * size[1], size))
        return cls(ordered[0], ordered[len(ordered) // 2], ordered[-1])


@dataclass(frozen=True)
class ClassCount:
    """A class with its numbers of images, before validation images are taken from the training part."""

    name: str
    train: int
    test: int

    @property
    def total(self) -> int:
        """All images of the class."""
        return self.train + self.test


@dataclass(frozen=True)
class Understood:
    """How a user's images were read."""

    name: str
    """The data's name, with the first digits of its checksum."""
    arrangement: str
    classes: tuple[ClassCount, ...]
    sizes: Sizes
    channels: int
    prepared: tuple[int, int]
    """(height, width) of all images after preparation."""
    left_out: tuple[str, ...]
    """What was not read and why, a line for each reason."""
    notes: tuple[str, ...]
    """The parts, and what was changed, a line each."""

    @property
    def num_train(self) -> int:
        """Images to train and to validate on."""
        return sum(each.train for each in self.classes)

    @property
    def num_test(self) -> int:
        """Images of the test part."""
        return sum(each.test for each in self.classes)

    @property
    def largest_share(self) -> float:
        """The share of the largest class: the accuracy of always answering with it."""
        return max(each.total for each in self.classes) / (self.num_train + self.num_test)

    def short(self) -> Iterator[str]:
        """Yield what everyone should read before a search, without what was left out: two lines."""
        ordered = sorted(self.classes, key=lambda each: -each.total)
        named = ", ".join(f"{each.name} {each.total:,}" for each in ordered[: MOST_NAMED - 1])
        if len(ordered) > MOST_NAMED:
            named += f", ... {ordered[-1].name} {ordered[-1].total:,}"
        elif len(ordered) == MOST_NAMED:
            named += f", {ordered[-1].name} {ordered[-1].total:,}"
        yield (
            f"{self.name}, read as {self.arrangement}: {self.num_train + self.num_test:,} images in "
            f"{len(self.classes):,} classes ({named}), {self.num_train:,} to train and validate, {self.num_test:,} to "
            f"test; the largest class has {self.largest_share:.0%}"
        )
        yield f"original sizes {self.described_sizes()}; prepared as {self.described_format()}"

    def described_sizes(self) -> str:
        """Describe the original sizes, height x width."""
        sizes = self.sizes
        if sizes.smallest == sizes.largest:
            return f"{_by(sizes.median)} throughout"
        return f"{_by(sizes.smallest)} (smallest), {_by(sizes.median)} (median), {_by(sizes.largest)} (largest)"

    def described_format(self) -> str:
        """Describe the images as a network reads them, height x width."""
        return f"{_by(self.prepared)} {'grey' if self.channels == 1 else 'colour'}"

    def for_pages(self, pictures: Sequence[Sequence[str]]) -> JsonObject:
        """Return what pages show of the images, as JSON values.

        Args:
            pictures: Data URLs of pictures of each class, in the order of the classes.
        """
        largest = max(self.classes, key=lambda each: each.total)
        return {
            "name": self.name,
            "arrangement": self.arrangement,
            "num_train": self.num_train,
            "num_test": self.num_test,
            "largest_class": largest.name,
            "largest_share": self.largest_share,
            "sizes": self.described_sizes(),
            "prepared": self.described_format(),
            "left_out": list(self.left_out),
            "notes": list(self.notes),
            "classes": [
                {**asdict(each), "share_of_largest": each.total / largest.total, "pictures": list(shown)}
                for each, shown in zip(self.classes, pictures, strict=True)
            ],
        }

    def to_json(self) -> JsonObject:
        """Return everything as JSON values."""
        numbers = {"num_train": self.num_train, "num_test": self.num_test, "largest_share": self.largest_share}
        return {**asdict(self), **numbers}


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
