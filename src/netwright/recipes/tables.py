"""Searches that look up what others have trained."""

from netwright.config import ReinforceSettings, RunConfig, TableSettings
from netwright.spaces.convolutional import convolutional
from netwright.spaces.nasbench201 import nasbench201


def nasbench201_cifar10() -> RunConfig:
    """The cells of NAS-Bench-201 on CIFAR-10, looked up in its table (--data FILE): nothing is trained.

    A few seconds; 177 cells are about what 20,000 seconds of training pay for.
    """
    return RunConfig(
        recipe="nasbench201-cifar10",
        space=nasbench201(),
        evaluate=TableSettings(task="nasbench201-cifar10"),
        strategy=ReinforceSettings(learning_rate=0.01),
        num_trials=177,
        batch_size=1,  # the benchmark's protocol: one cell after the other
        lag=0,
    )


def nasbench201_cifar100() -> RunConfig:
    """The same on CIFAR-100, where 40,000 seconds pay for as many cells.

    As nasbench201-cifar10.
    """
    return nasbench201_cifar10().changed(
        recipe="nasbench201-cifar100", evaluate=TableSettings(task="nasbench201-cifar100")
    )


def digits_table() -> RunConfig:
    """Two layers for the digits, looked up in a table that netwright has made: nothing is trained or downloaded.

    A few seconds.
    """
    return nasbench201_cifar10().changed(
        recipe="digits-table",
        space=convolutional(2, filter_sizes=(1, 3, 5), num_filters=(4, 12, 24), pool_after=(1,)),
        evaluate=TableSettings(task="digits-table"),
        num_trials=100,
    )
