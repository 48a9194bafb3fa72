"""The final training of translators: on all pairs of the training part."""

import base64
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import torch
from torch import nn

from netwright.architectures.families import reads_text
from netwright.architectures.values import JsonObject, fingerprint
from netwright.children.building import num_parameters
from netwright.children.translation.beam import BeamSettings
from netwright.children.translation.translator import Translator
from netwright.config import FinalTranslationSettings, TranslationSettings
from netwright.evaluation.candidates import Candidates
from netwright.evaluation.interface import DatasetInfo
from netwright.evaluation.rewards import Reward
from netwright.evaluation.translation import TRANSLATOR_SETTINGS, TranslationEvaluation
from netwright.evaluation.translation_worker import TranslationChild, TranslationData
from netwright.final_training.interface import Candidate, Finished, Tested, once_each, sha256_of
from netwright.models.translator import TrainedTranslator
from netwright.searching.placement import Placement
from netwright.seeds import derive_seed
from netwright.tasks.catalog import prepare_task
from netwright.training.bleu import bleu
from netwright.training.checkpoints import Checkpoint
from netwright.training.perplexity import perplexity_of
from netwright.training.translation import Pairs, measure_nats_per_piece, train_translator

NUM_TIMED = 4
"""Mini-batches of the estimate."""


@dataclass(frozen=True, eq=False)
class FinalTranslation:
    """Implements `FinalTraining` for translators."""

    settings: TranslationSettings
    final: FinalTranslationSettings
    child: TranslationChild
    data: TranslationData

    @classmethod
    def open(
        cls, settings: TranslationSettings, final: FinalTranslationSettings, placement: Placement
    ) -> "FinalTranslation":
        """Check that sacreBLEU is installed, read the parallel text, and learn its subwords.

        Raises:
            ConfigError: A package is missing, or the text has no vocabulary of this size.
            DataError: The text is missing or damaged, or its sentences are too long.
        """
        bleu(["a b c d"], ["a b c d"])
        child = TranslationEvaluation(settings).evaluate(
            prepare_task(settings.task, placement.data, verify=placement.verify)
        )
        return cls(settings, final, child, child.data)

    @property
    def reward(self) -> Reward:
        """The search's reward."""
        return TranslationEvaluation(self.settings).reward

    @property
    def dataset(self) -> DatasetInfo:
        """The name, the notes and the identity of the data."""
        data = self.data
        left_out = f"{data.num_left_out:,} training pairs have more than {self.settings.max_length} pieces: left out"
        notes = (*data.text.notes, *((left_out,) if data.num_left_out else ()))
        return DatasetInfo(data.text.name, notes, identity=data.text.identity)

    def checksum(self) -> str:
        """Return the checksum of the pieces of the training and the validation part."""
        train, validation = self.data.train, self.data.validation
        sides = (train.source, train.target, validation.source, validation.target)
        return sha256_of(*(tensor for side in sides for tensor in (side.pieces, side.lengths)))

    def data_description(self) -> JsonObject:
        """Describe name, languages, subwords and test part."""
        data = self.data
        source, target = data.languages
        lines = "\n".join(itertools.chain.from_iterable(data.test())).encode()
        return {
            "data": data.text.name,
            "source": source,
            "target": target,
            "subwords": base64.b64encode(data.subwords.to_bytes()).decode("ascii"),
            "test_sha256": sha256_of(torch.frombuffer(bytearray(lines), dtype=torch.uint8)),
        }

    def grid(self) -> list[JsonObject]:
        """Combine learning rates, ranges of the first weights and warm-ups."""
        settings, final, smoothing = self.settings, self.final, self.final.label_smoothing
        return once_each(
            {
                "epochs": final.epochs or settings.epochs,
                "learning_rate": settings.learning_rate * learning_rate,
                "init_range": settings.init_range * init_range,
                "warm_up": settings.warm_up if warm_up is None else warm_up,
                "label_smoothing": settings.label_smoothing if smoothing is None else smoothing,
            }
            for learning_rate, init_range, warm_up in itertools.product(
                final.learning_rates, final.init_ranges, final.warm_ups
            )
        )

    def evaluate(self, candidates: Sequence[Candidate]) -> Candidates:
        """Return what trains on as many pairs as the search did."""
        return Candidates(tuple(self._child(candidate) for candidate in candidates))

    def _child(self, candidate: Candidate) -> TranslationChild:
        settings = dict(candidate.settings)
        return replace(self.child, init_range=settings.pop("init_range"), training={**self.child.training, **settings})

    def train(
        self, winner: Candidate, *, seed: int, checkpoint: Checkpoint, on_epoch: Callable[[int, int], None]
    ) -> Finished:
        """Train on all pairs; the weights of the last epoch are kept."""
        seed = derive_seed(seed, "final", fingerprint(winner.architecture))
        child, data = self._child(winner), self.data
        assert reads_text(winner.architecture)
        network = child.build(winner.architecture, seed)
        history = train_translator(
            network,
            data.train,
            data.validation,
            seed=seed,
            speed=child.speed,
            checkpoint=checkpoint,
            on_epoch=lambda epoch, _perplexity: on_epoch(epoch + 1, child.training["epochs"]),
            **child.training,
        )
        return Finished(network, history)

    def epoch_seconds(self, candidate: Candidate) -> float:
        """Estimate it from the times of a few mini-batches, in training and in evaluation."""
        child, data, seed = self._child(candidate), self.data, self.final.seed
        assert reads_text(candidate.architecture)
        network = child.build(candidate.architecture, seed)
        few = data.train.first(NUM_TIMED * child.training["batch_size"])
        nothing = few.first(1)
        arguments = {**child.training, "epochs": 1, "speed": child.speed, "seed": seed}
        train_translator(network, nothing, nothing, **arguments)  # a process chooses how to compute layers
        begun = time.perf_counter()
        train_translator(network, few, nothing, **arguments)
        training = (time.perf_counter() - begun) / few.num_predicted * data.train.num_predicted
        begun = time.perf_counter()
        measure_nats_per_piece(network, few, speed=child.speed, batch_size=child.training["batch_size"])
        return training + (time.perf_counter() - begun) / few.num_predicted * data.validation.num_predicted

    def tested(self, network: nn.Module, winner: Candidate, in_grid: JsonObject) -> Tested:
        """Translate the test part in float32 and measure BLEU."""
        assert isinstance(network, Translator)
        data = self.data
        source, target = data.test()
        translator = TrainedTranslator(
            network,
            subwords=data.subwords,
            beam=self._beam(),
            max_length=self.settings.max_length,
            description={},
        )
        speed = replace(self.child.speed, precision="float32")
        with speed.backends():
            translations = translator.translated([data.subwords.encode(line) for line in source])
        score, signature = bleu(translations, target)
        pairs = Pairs.of(data.subwords, source, target)
        costs = TranslationEvaluation(self.settings).costs(winner.architecture, len(data.subwords))
        metrics = {
            "test_bleu": score,
            "bleu_signature": signature,
            "test_perplexity": perplexity_of(
                measure_nats_per_piece(network, pairs, speed=speed, batch_size=self.settings.batch_size)
            ),
            "num_test_pairs": len(source),
            "num_train_pairs": len(data.train),
            "num_train_pieces": data.train.num_predicted,
            "num_parameters": num_parameters(network),
            "multiply_adds": costs["multiply_adds"],
        }
        return Tested(metrics)

    def _beam(self) -> BeamSettings:
        settings = self.settings
        return BeamSettings(settings.beam_size, settings.length_penalty, settings.coverage_penalty)

    def description(self, winner: Candidate, finished: Finished) -> JsonObject:
        """Describe input, output, search of translations and training."""
        assert isinstance(finished.network, Translator)
        return {
            "kind": "translation",
            **self.data_description(),
            "hidden_size": finished.network.hidden_size,
            "max_length": self.settings.max_length,
            "beam": asdict(self._beam()),
            **self.settings.model_dump(include=TRANSLATOR_SETTINGS),
            "settings": {**self.child.training, **winner.settings},
            **finished.history,
        }
