"""The rows of the slides' result tables as they stand there. What is measured here is in benchmarks/results."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Training:
    """The options of `netwright train` that train the model of a row.

    Args:
        name: What is trained.
        task: The value of --task.
        size: The value of --size.
        like: The value of --like.
        cell: The value of --cell, for a translator.
        epochs: The value of --epochs, where it is not that of the model's or the task's settings.
    """

    name: str
    task: str
    size: str | None = None
    like: str | None = None
    cell: str | None = None
    epochs: int | None = None

    @property
    def command(self) -> str:
        """The command line, without the data."""
        given = {"--size": self.size, "--like": self.like, "--cell": self.cell, "--epochs": self.epochs}
        options = [word for name, value in given.items() if value is not None for word in (name, str(value))]
        return " ".join(["netwright", "train", self.name, "--task", self.task, *options])


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Args:
        key: The name of its results. Rows with the same key show the same results.
        model: Its name in the table, with its depth where the table has one.
        published: Its result in the table.
        parameters: Its number of parameters in the table; "-" if there is none.
        training: What trains it here; None if nothing does.
        quoted: Why no time is estimated for it; empty for a row whose `training` needs nothing but time.
        note: A footnote, for example why its number of parameters differs here.
        metric: The member of a model's metrics that is its result; None for that of the table.
        smaller: Smaller forms in reference_networks.json, by name, with what was changed.
    """

    key: str
    model: str
    published: str
    parameters: str
    training: Training | None = None
    quoted: str = ""
    note: str = ""
    metric: str | None = None
    smaller: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_found(self) -> bool:
        """Whether the paper's search found the model."""
        return "nas-" in self.key


@dataclass(frozen=True)
class Table:
    """One table of the slides.

    Args:
        title: Its heading.
        about: Sentences above it.
        unit: The unit of its results.
        digits: Decimals of its results.
        metric: The member of a model's metrics that is a row's result.
        data: Names of the data on which a training counts as one of the row, and not as a smaller form.
        rows: In the slides' order.
        highest_wins: Whether higher results are better.
        caution: Sentences below the table.
    """

    title: str
    about: str
    unit: str
    digits: int
    metric: str
    data: tuple[str, ...]
    rows: tuple[Row, ...]
    highest_wins: bool = False
    caution: str = ""

    def metric_of(self, row: Row) -> str:
        """Return the member of a model's metrics that is the result of a row."""
        return row.metric or self.metric


def on_images(name: str) -> Training:
    """Return the training of a network on CIFAR-10."""
    return Training(name, "cifar10")


def on_words(name: str, size: str | None = None) -> Training:
    """Return the training of a model of the Penn Treebank's words."""
    return Training(name, "ptb", size=size)


def on_characters(
    name: str, *, size: str | None = None, like: str | None = None, epochs: int | None = None
) -> Training:
    """Return the training of a model of the Penn Treebank's characters."""
    return Training(name, "ptb-characters", size=size, like=like, epochs=epochs)


NOT_BUILT = "this model is not built here"
NEVER_PUBLISHED = "the layers of this network were never published"
SAME_NETWORK = "The same network in two rows: its results here are those of both."
MONTE_CARLO = "The model of the row above, tested by the mean of passes with dropout (`--mc-samples`)."
CHOSEN_SIZE = "The hidden size is the largest with at most this number of parameters; the paper gives the totals alone."

CIFAR10 = (
    Row("network-in-network", "Network in Network (Lin et al., 2013)", "8.81", "-", on_images("network-in-network")),
    Row("all-cnn", "All-CNN (Springenberg et al., 2014)", "7.25", "-", on_images("all-cnn")),
    Row("deeply-supervised", "Deeply Supervised Net (Lee et al., 2015)", "7.97", "-", quoted=NOT_BUILT),
    Row("highway", "Highway Network (Srivastava et al., 2015)", "7.72", "-", on_images("highway")),
    Row(
        "bayesian-optimisation", "Scalable Bayesian Optimization (Snoek et al., 2015)", "6.37", "-",
        quoted="this search of hyperparameters is not built here",
    ),
    Row(
        "fractalnet", "FractalNet (Larsson et al., 2016), depth 21", "5.22", "38.6M", on_images("fractalnet"),
        note="Counted for the publication's description (5 blocks, 3 columns), from which 38.6M do not follow.",
    ),
    Row(
        "fractalnet-drop-path", "FractalNet with Dropout/Drop-path, depth 21", "4.60", "38.6M",
        on_images("fractalnet-drop-path"), note="As in the row above.",
    ),
    Row(
        "resnet-110", "ResNet (He et al., 2016a), depth 110", "6.61", "1.7M", on_images("resnet-110"),
        note=SAME_NETWORK, smaller={"resnet-20": "20 layers in place of 110"},
    ),
    Row(
        "resnet-110", "ResNet (reported by Huang et al. (2016c)), depth 110", "6.41", "1.7M", on_images("resnet-110"),
        note=SAME_NETWORK, smaller={"resnet-20": "20 layers in place of 110"},
    ),
    Row(
        "resnet-110-stochastic-depth", "ResNet with Stochastic Depth (Huang et al., 2016c), depth 110", "5.23", "1.7M",
        on_images("resnet-110-stochastic-depth"),
    ),
    Row(
        "resnet-1202-stochastic-depth", "ResNet with Stochastic Depth (Huang et al., 2016c), depth 1202", "4.91",
        "10.2M", quoted=NOT_BUILT,
    ),
    Row(
        "wide-resnet-16-8", "Wide ResNet (Zagoruyko & Komodakis, 2016), depth 16", "4.81", "11.0M",
        on_images("wide-resnet-16-8"),
    ),
    Row(
        "wide-resnet-28-10", "Wide ResNet (Zagoruyko & Komodakis, 2016), depth 28", "4.17", "36.5M",
        on_images("wide-resnet-28-10"),
    ),
    Row(
        "preact-resnet-164", "ResNet (pre-activation) (He et al., 2016b), depth 164", "5.46", "1.7M",
        on_images("preact-resnet-164"),
    ),
    Row(
        "preact-resnet-1001", "ResNet (pre-activation) (He et al., 2016b), depth 1001", "4.62", "10.2M",
        on_images("preact-resnet-1001"),
        note="Counted for the publication's description, from which 10.2M do not follow.",
    ),
    Row(
        "densenet-40-12", "DenseNet (L = 40, k = 12) (Huang et al., 2016a), depth 40", "5.24", "1.0M",
        on_images("densenet-40-12"), smaller={"densenet-22-12": "22 layers in place of 40"},
    ),
    Row(
        "densenet-100-12", "DenseNet (L = 100, k = 12) (Huang et al., 2016a), depth 100", "4.10", "7.0M",
        on_images("densenet-100-12"),
    ),
    Row(
        "densenet-100-24", "DenseNet (L = 100, k = 24) (Huang et al., 2016a), depth 100", "3.74", "27.2M",
        on_images("densenet-100-24"),
    ),
    Row(
        "densenet-bc-190-40", "DenseNet-BC (L = 100, k = 40) (Huang et al., 2016b), depth 190", "3.46", "25.6M",
        on_images("densenet-bc-190-40"),
        note="\"L = 100\" is a slip of the slides and the paper: the network has L = 190, as the depth beside it says.",
    ),
    Row(
        "nas-cnn-15", "Neural Architecture Search v1 no stride or pooling, depth 15", "5.50", "4.2M",
        on_images("nas-cnn-15"), smaller={"15 layers / 4, as found": "a quarter of the filters"},
    ),
    Row(
        "nas-cnn-20", "Neural Architecture Search v2 predicting strides, depth 20", "6.01", "2.5M",
        quoted=NEVER_PUBLISHED,
    ),
    Row(
        "nas-cnn-39", "Neural Architecture Search v3 max pooling, depth 39", "4.47", "7.1M", quoted=NEVER_PUBLISHED,
    ),
    Row(
        "nas-cnn-39-wide", "Neural Architecture Search v3 max pooling + more filters, depth 39", "3.65", "37.4M",
        quoted=NEVER_PUBLISHED,
    ),
    Row(
        "evolution", "Best result of evolution (Real et al., 2017)", "5.4", "-",
        quoted="this search is not repeated; the strategy is `large-scale-evolution`, run here on other data",
    ),
    Row(
        "q-learning", "Best result of Q-learning (Baker et al., 2017)", "6.92", "-",
        quoted="this search is not repeated; the recipe is `metaqnn-digits`, run here on other data",
    ),
)  # fmt: skip

WORDS = (
    Row(
        "kn-5", "Mikolov & Zweig (2012) - KN-5", "141.2", "2M‡", on_words("kn-5"),
        note="Counted here are the n-grams of orders 1 to 5.",
    ),
    Row(
        "kn-5-cache", "Mikolov & Zweig (2012) - KN5 + cache", "125.7", "2M‡", on_words("kn-5-cache"),
        note="As in the row above; the publication gives neither size nor weight of its cache.",
    ),
    Row("rnn", "Mikolov & Zweig (2012) - RNN", "124.7", "6M‡", on_words("rnn")),
    Row("rnn-lda", "Mikolov & Zweig (2012) - RNN-LDA", "113.7", "7M‡", quoted=NOT_BUILT),
    Row("rnn-lda-kn-5-cache", "Mikolov & Zweig (2012) - RNN-LDA + KN-5 + cache", "92.0", "9M‡", quoted=NOT_BUILT),
    Row(
        "deep-rnn", "Pascanu et al. (2013) - Deep RNN", "107.5", "6M", on_words("deep-rnn"),
        note="The units are chosen here for the table's number of parameters.",
    ),
    Row("sum-product", "Cheng et al. (2014) - Sum-Prod Net", "100.0", "5M‡", quoted=NOT_BUILT),
    Row("lstm-medium", "Zaremba et al. (2014) - LSTM (medium)", "82.7", "20M", on_words("lstm-medium")),
    Row("lstm-large", "Zaremba et al. (2014) - LSTM (large)", "78.4", "66M", on_words("lstm-large")),
    Row(
        "lstm-variational-medium", "Gal (2015) - Variational LSTM (medium, untied)", "79.7", "20M",
        on_words("lstm-variational-medium"),
    ),
    Row(
        "lstm-variational-medium-mc", "Gal (2015) - Variational LSTM (medium, untied, MC)", "78.6", "20M",
        on_words("lstm-variational-medium"), note=MONTE_CARLO, metric="test_perplexity_monte_carlo",
    ),
    Row(
        "lstm-variational-large", "Gal (2015) - Variational LSTM (large, untied)", "75.2", "66M",
        on_words("lstm-variational-large"),
    ),
    Row(
        "lstm-variational-large-mc", "Gal (2015) - Variational LSTM (large, untied, MC)", "73.4", "66M",
        on_words("lstm-variational-large"), note=MONTE_CARLO, metric="test_perplexity_monte_carlo",
    ),
    Row("char-cnn-large", "Kim et al. (2015) - CharCNN", "78.9", "19M", on_words("char-cnn-large")),
    Row(
        "lstm-variational-large-tied", "Press & Wolf (2016) - Variational LSTM, shared embeddings", "73.2", "51M",
        on_words("lstm-variational-large-tied"),
    ),
    Row(
        "lstm-zoneout-medium", "Merity et al. (2016) - Zoneout + Variational LSTM (medium)", "80.6", "20M",
        on_words("lstm-zoneout-medium"),
    ),
    Row(
        "pointer-sentinel-medium", "Merity et al. (2016) - Pointer Sentinel-LSTM (medium)", "70.9", "21M",
        on_words("pointer-sentinel-medium"),
        note="Counted for the publication's description, from which 21M do not follow.",
    ),
    Row("lstm-real-large", "Inan et al. (2016) - VD-LSTM + REAL (large)", "68.5", "51M", on_words("lstm-real-large")),
    Row(
        "rhn", "Zilly et al. (2016) - Variational RHN, shared embeddings", "66.0", "24M", on_words("rhn"),
        note="The network of the released code; the table's number is rounded up.",
    ),
    Row(
        "nas-cell-32M", "Neural Architecture Search with base 8", "67.9", "32M", on_words("nas-cell", "32M"),
        note=CHOSEN_SIZE,
    ),
    Row(
        "nas-cell-25M", "Neural Architecture Search with base 8 and shared embeddings", "64.0", "25M",
        on_words("nas-cell", "25M"), note=CHOSEN_SIZE,
    ),
    Row(
        "nas-cell-54M", "Neural Architecture Search with base 8 and shared embeddings", "62.4", "54M",
        on_words("nas-cell", "54M"), note=CHOSEN_SIZE,
    ),
)  # fmt: skip

LARGE_EPOCHS = 383
"""The paper's 600,000 steps of 32 sequences of 100 characters: 1,568 steps are an epoch."""

CHARACTERS = (
    Row(
        "hyper-lstm-layer-norm", "Ha et al. (2016) - Layer Norm HyperLSTM", "1.250", "4.92M",
        on_characters("hyper-lstm-layer-norm"),
    ),
    Row(
        "hyper-lstm-large", "Ha et al. (2016) - Layer Norm HyperLSTM Large Embeddings", "1.233", "5.06M",
        on_characters("hyper-lstm-large"),
        note="Counted for the publication's description, from which 5.06M do not follow.",
    ),
    Row(
        "hyper-lstm-2x1000", "Ha et al. (2016) - 2-Layer Norm HyperLSTM", "1.219", "14.41M",
        on_characters("hyper-lstm-2x1000"),
    ),
    Row(
        "lstm-char", "Two layer LSTM", "1.243", "6.57M", on_characters("lstm-char"),
    ),
    Row(
        "nas-cell-characters", "Two Layer with New Cell", "1.228", "6.57M",
        on_characters("nas-cell", like="lstm-char"),
        note=CHOSEN_SIZE,
    ),
    Row(
        "nas-cell-characters-large", "Two Layer with New Cell", "1.214", "16.28M",
        on_characters("nas-cell", size="16.28M", epochs=LARGE_EPOCHS),
        note="The paper has 800 units and an embedding of 128, with which the count is 16.2M: a detail is missing.",
    ),
)  # fmt: skip

WMT = "WMT'14 is not at hand, and the slides give 96 GPUs for one week"

TRANSLATION = (
    Row("gnmt-lstm", "GNMT LSTM", "24.1", "-", Training("gnmt", "multi30k", cell="lstm"), quoted=WMT),
    Row("gnmt-nas-cell", "GNMT NAS Cell", "24.6", "-", Training("gnmt", "multi30k", cell="nas-cell"), quoted=WMT),
)

TABLES = (
    Table(
        "CIFAR-10",
        "Networks for images, with data augmentation. The last two rows are results that the slides put beside the "
        "table.",
        "test error, %",
        2,
        "test_accuracy",
        ("CIFAR-10", "CIFAR-10 (JPEG)"),
        CIFAR10,
        caution="CIFAR-10 (JPEG) is a copy of CIFAR-10 whose images were compressed with JPEG once. Results on it are "
        "not results on CIFAR-10.",
    ),
    Table(
        "Penn Treebank, words",
        "Language models that are no ensembles. The slides mark some numbers of parameters with ‡.",
        "test perplexity",
        1,
        "test_perplexity",
        ("Penn Treebank",),
        WORDS,
        caution="The order of the published table is not an order of the cells. Melis et al. (2017, arXiv 1707.05589) "
        "tuned LSTMs, recurrent highway networks and NAS cells again with equal budgets, and the LSTMs were best; with "
        "equal tuning, the lead of the last rows does not persist.",
    ),
    Table(
        "Penn Treebank, characters",
        "The cell that was found on words, in models of characters: a transfer to another task.",
        "test bits per character",
        3,
        "test_bits_per_character",
        ("Penn Treebank, characters",),
        CHARACTERS,
    ),
    Table(
        "Translation",
        "The same cell in the place of the LSTM in GNMT (Wu et al. 2016), English to German, without new "
        "hyperparameters for it. The paper states the difference of 0.5 BLEU alone; both numbers are the slides'.",
        "test BLEU",
        1,
        "test_bleu",
        ("WMT'14 en-de",),
        TRANSLATION,
        highest_wins=True,
        caution="GNMT's own publication has 24.61 BLEU for one model of 32,000 word pieces on these data, so the "
        "published LSTM is not the strongest known of its kind.",
    ),
)
