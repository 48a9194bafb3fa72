"""The final training of language models: on the whole training text (paper, section 4.2)."""

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

from torch import nn

from netwright.architectures.families import reads_text
from netwright.architectures.values import JsonObject, fingerprint
from netwright.children.building import num_parameters
from netwright.children.dropout import Dropout
from netwright.children.language_model import LanguageModel
from netwright.config import FinalTextSettings, TextSettings
from netwright.errors import ConfigError
from netwright.evaluation.candidates import Candidates
from netwright.evaluation.interface import DatasetInfo
from netwright.evaluation.rewards import Reward
from netwright.evaluation.text import LANGUAGE_MODEL_SETTINGS, TextEvaluation
from netwright.evaluation.text_worker import TextChild
from netwright.final_training.interface import Candidate, Finished, Tested, once_each, sha256_of
from netwright.searching.placement import Placement
from netwright.seeds import derive_seed
from netwright.tasks.catalog import open_text, prepare_task
from netwright.tasks.text.data import TextData, check_long_enough
from netwright.training.checkpoints import Checkpoint
from netwright.training.perplexity import MonteCarlo, bits_of, measure_nats_per_token, perplexity_of
from netwright.training.speed import Speed
from netwright.training.text import VALIDATION_STREAMS, train_language_model

PROBE_SECONDS = 4.0
"""The approximate time to spend on an estimate."""


@dataclass(frozen=True, eq=False)
class FinalText:
    """Implements `FinalTraining` for language models."""

    settings: TextSettings
    final: FinalTextSettings
    data: TextData
    child: TextChild

    @classmethod
    def open(cls, settings: TextSettings, final: FinalTextSettings, placement: Placement) -> "FinalText":
        """Read the text; `DataError` if it is too short, `ConfigError` for Monte-Carlo evaluation without dropout."""
        if final.mc_samples and not (settings.dropout.drops and all(final.dropouts)):
            raise ConfigError(
                f"--mc-samples {final.mc_samples} averages passes with dropout, and this model is trained without; "
                "leave it out, or take a model with dropout, such as lstm-variational-medium"
            )
        folder = prepare_task(settings.task, placement.data, verify=placement.verify)
        data = open_text(settings.task, folder, verify=False)
        check_long_enough(data, settings.batch_size, settings.window)
        return cls(settings, final, data, TextEvaluation(settings).evaluate(folder))

    @property
    def reward(self) -> Reward:
        """The search's reward."""
        return TextEvaluation(self.settings).reward

    @property
    def dataset(self) -> DatasetInfo:
        """The name, the notes and the identity of the data."""
        return DatasetInfo(self.data.name, self.data.notes, identity=self.data.identity)

    def checksum(self) -> str:
        """Return the checksum of the training and the validation text."""
        return sha256_of(self.data.train, self.data.validation)

    def data_description(self) -> JsonObject:
        """Describe name, vocabulary and test part."""
        return {
            "data": self.data.name,
            "unit": self.data.unit,
            "vocabulary": list(self.data.vocabulary),
            "test_sha256": sha256_of(self.data.test),
        }

    def grid(self) -> list[JsonObject]:
        """Combine learning rates, ranges of the first weights, dropout rates and starts of the decay (paper), warm-ups.

        A point names a warm-up only if it differs from the settings' own, so that older points stay the same.
        """
        settings, final = self.settings, self.final
        return once_each(
            {
                "epochs": final.epochs or settings.epochs,
                "learning_rate": settings.learning_rate * learning_rate,
                "init_range": settings.init_range * init_range,
                "dropout": asdict(_scaled(settings.dropout, dropout)),
                "constant_epochs": round(settings.constant_epochs * constant_epochs),
                **({} if warm_up in (None, settings.warm_up) else {"warm_up": warm_up}),
            }
            for learning_rate, init_range, dropout, constant_epochs, warm_up in itertools.product(
                final.learning_rates, final.init_ranges, final.dropouts, final.constant_epochs, final.warm_ups
            )
        )

    def evaluate(self, candidates: Sequence[Candidate]) -> Candidates:
        """Return what trains on as much of the text as the search did."""
        return Candidates(tuple(self._child(candidate) for candidate in candidates))

    def _child(self, candidate: Candidate) -> TextChild:
        settings = dict(candidate.settings)
        return replace(self.child, init_range=settings.pop("init_range"), training={**self.child.training, **settings})

    def train(
        self, winner: Candidate, *, seed: int, checkpoint: Checkpoint, on_epoch: Callable[[int, int], None]
    ) -> Finished:
        """Train on the whole training text; the validation text is only measured.

        Deviation: models of words keep the weights of the last epoch, since the paper says nothing of theirs. Its
        models of characters are tested at the step with the best validation; here (`keep = "best"`) validation is
        measured after every epoch.
        """
        seed = derive_seed(seed, "final", fingerprint(winner.architecture))
        child = self._child(winner)
        assert reads_text(winner.architecture)
        network = child.build(winner.architecture, seed)
        history = train_language_model(
            network,
            self.data.train,
            self.data.validation,
            seed=seed,
            speed=child.speed,
            checkpoint=checkpoint,
            on_epoch=lambda epoch, _perplexity: on_epoch(epoch + 1, child.training["epochs"]),
            **child.arguments,
        )
        return Finished(network, history)

    def epoch_seconds(self, candidate: Candidate) -> float:
        """Time the first windows of the training text, and a part of the validation text."""
        child, seed = self._child(candidate), self.final.seed
        assert reads_text(candidate.architecture)
        network = child.build(candidate.architecture, seed)
        arguments = {**child.arguments, "epochs": 1}
        streams: int = arguments["batch_size"]
        window: int = arguments["window"]
        num_windows = max(1, (len(self.data.train) // streams - 1) // window)

        def seconds(num_windows: int) -> float:
            text = self.data.train[: streams * (num_windows * window + 1)]
            begun = time.perf_counter()
            train_language_model(network, text, text[:0], seed=seed, speed=child.speed, **arguments)
            return time.perf_counter() - begun

        seconds(1)  # a process chooses how to compute layers of each shape
        timed = min(num_windows, max(1, round(PROBE_SECONDS / seconds(1))))
        part = self.data.validation[: VALIDATION_STREAMS * window]
        training = seconds(timed) / timed * num_windows
        begun = time.perf_counter()
        measure_nats_per_token(network, part, speed=child.speed, streams=VALIDATION_STREAMS)
        return training + (time.perf_counter() - begun) / len(part) * len(self.data.validation)

    def tested(self, network: nn.Module, winner: Candidate, in_grid: JsonObject) -> Tested:
        """Measure perplexity and bits for each token of the test text, read in one piece, in float32."""
        assert isinstance(network, LanguageModel)
        speed = replace(self.child.speed, precision="float32")
        nats = measure_nats_per_token(network, self.data.test, speed=speed, streams=1)
        metrics = {
            "test_perplexity": perplexity_of(nats),
            f"test_bits_per_{self.data.unit}": bits_of(nats),
            "num_test_tokens": len(self.data.test),
            "num_parameters": num_parameters(network),
            "num_train_tokens": len(self.data.train),
            **self._tested_with_dropout(network, winner, speed),
        }
        return Tested(metrics)

    def _tested_with_dropout(self, network: LanguageModel, winner: Candidate, speed: Speed) -> JsonObject:
        """Measure the test perplexity by Monte-Carlo evaluation, with the window and the dropout of the training."""
        if not self.final.mc_samples:
            return {}
        arguments = self._child(winner).arguments
        seed = derive_seed(self.final.seed, "monte carlo", fingerprint(winner.architecture))
        nats = measure_nats_per_token(
            network,
            self.data.test,
            speed=speed,
            window=arguments["window"],
            monte_carlo=MonteCarlo(arguments["dropout"], self.final.mc_samples, seed),
        )
        return {"test_perplexity_monte_carlo": perplexity_of(nats), "mc_samples": self.final.mc_samples}

    def description(self, winner: Candidate, finished: Finished) -> JsonObject:
        """Describe input, output and training."""
        assert isinstance(finished.network, LanguageModel)
        settings = {**self.child.training, **winner.settings}
        return {
            "kind": "text",
            **self.data_description(),
            "hidden_size": finished.network.hidden_size,
            **self.settings.model_dump(include=LANGUAGE_MODEL_SETTINGS),
            "settings": settings,
            **finished.history,
        }


def _scaled(dropout: Dropout, factor: float) -> Dropout:
    return replace(
        dropout,
        inputs=dropout.inputs * factor,
        output=dropout.output * factor,
        state=dropout.state * factor,
        words=dropout.words * factor,
    )
