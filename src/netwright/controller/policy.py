"""The controller: an autoregressive LSTM policy over the decisions of a space.

Paper: a two-layer LSTM with 35 units, weights U(-0.08, 0.08), a softmax for each `Choice` and an attention over anchor
points for each `Subset` (sections 3.1, 3.3, 4.1). The embedding of an action is the input of the next step.

Shapes: M sequences, G of them at the same decision, T decisions of the longest, H units, A anchors, N options.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.controller.anchors import SUBSET_WEIGHTS, AnchorMemory, bernoulli_entropy, pair_scores
from netwright.controller.layout import Layout, SubsetTerms
from netwright.controller.recurrence import Floats, Recurrence, States, array, sigmoid
from netwright.errors import ConfigError, SpaceError
from netwright.seeds import derive_seed
from netwright.spaces.decisions import Action, Choice, Decision, Subset
from netwright.spaces.programs import Episode

Weights = dict[str, Tensor]
OF_DECISIONS = ("choice/", "subset/")


def initial_weight(seed: int, name: str, shape: Sequence[int], init_range: float) -> Tensor:
    """Sample a weight from U(-init_range, init_range); its values depend on seed and name, not on order of creation."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "controller", name))
    return torch.empty(tuple(shape)).uniform_(-init_range, init_range, generator=generator)


class Controller:
    """The LSTM policy: samples action sequences and evaluates the log-probability of known ones; implements `Policy`.

    `weights` maps names to tensors: "lstm/...", "start" (the first input), "choice/NAME/embedding|weight|bias",
    "subset/NAME/previous|current|score|none". The weights of a decision are created when its name first occurs and are
    shared by all decisions of this name.

    Deviation: the paper does not state which weights are shared, the size of embeddings, or the input after an anchor
    step. Here weights are shared over layers, embeddings have `hidden_size` entries, and the input after an anchor
    step is the mean of the selected anchors' inputs (a learned vector if none is selected).

    Args:
        seed: determines the initial value of every weight.
        hidden_size: LSTM units of each layer, H.
        num_layers: LSTM layers.
        init_range: initial weights are uniform in -init_range..init_range.
        temperature: divides all logits; above 0.

    Raises:
        ConfigError: the temperature is not above 0.
    """

    def __init__(
        self,
        *,
        seed: int,
        hidden_size: int = 35,
        num_layers: int = 2,
        init_range: float = 0.08,
        temperature: float = 1.0,
    ) -> None:
        if temperature <= 0:
            raise ConfigError(f"temperature must be above 0; got {temperature}")
        self.seed, self.hidden_size, self.init_range, self.temperature = seed, hidden_size, init_range, temperature
        # Created on "meta", since nn.LSTM would otherwise change the state of torch's global generator.
        self.lstm = nn.LSTM(hidden_size, hidden_size, num_layers, device="meta").to_empty(device="cpu")
        self.weights: Weights = {f"lstm/{name}": weight for name, weight in self.lstm.named_parameters()}
        with torch.no_grad():
            for name, weight in self.weights.items():
                weight.copy_(initial_weight(seed, name, weight.shape, init_range))
        self._create("start", (hidden_size,))

    def _create(self, name: str, shape: Sequence[int]) -> None:
        self.weights[name] = initial_weight(self.seed, name, shape, self.init_range).requires_grad_()

    def meet(self, decision: Decision) -> None:
        """Create the weights of a decision at the first occurrence of its name.

        Raises:
            SpaceError: an earlier decision of this name was of the other kind or had another number of options.
        """
        name, hidden = decision.name, self.hidden_size
        if isinstance(decision, Choice):
            known, num_options = self.weights.get(f"choice/{name}/bias"), len(decision.options)
            if known is None and f"subset/{name}/none" not in self.weights:
                self._create(f"choice/{name}/embedding", (num_options, hidden))
                self._create(f"choice/{name}/weight", (num_options, hidden))
                self._create(f"choice/{name}/bias", (num_options,))
            elif known is None or len(known) != num_options:
                raise SpaceError(f"{decision} differs from an earlier decision of the same name; run check_space")
        elif f"subset/{name}/none" not in self.weights:
            if f"choice/{name}/bias" in self.weights:
                raise SpaceError(f"{decision} differs from an earlier Choice of the same name; run check_space")
            for part in SUBSET_WEIGHTS:
                matrix = part in ("previous", "current")
                self._create(f"subset/{name}/{part}", (hidden, hidden) if matrix else (hidden,))

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Replace all weights by copies of `weights`; a decision without an entry is initialised at its occurrence."""
        for name in self.weights.keys() - weights.keys():
            if name.startswith(OF_DECISIONS):
                del self.weights[name]
        with torch.no_grad():
            for name, value in weights.items():
                if name not in self.weights:
                    self.weights[name] = value.clone().requires_grad_()
                else:
                    self.weights[name].copy_(value)

    def snapshot(self) -> Weights:
        """Return a copy of all weights."""
        return {name: weight.detach().clone() for name, weight in self.weights.items()}

    # Sampling ---------------------------------------------------------------------------------------------------------

    def sample(self, episodes: Sequence[Episode], rngs: Sequence[np.random.Generator]) -> None:
        """Sample an action for every decision of M new episodes, in place, with one LSTM step per decision for all.

        Args:
            episodes: M episodes at their first decision.
            rngs: M generators; episode k is sampled with rngs[k] only, so it does not depend on the other episodes.
        """
        recurrence = self._recurrence()
        memories: dict[str, AnchorMemory] = {}
        states = recurrence.start(len(episodes))
        inputs_MH = np.repeat(array(self.weights["start"])[np.newaxis], len(episodes), axis=0)
        while groups := _by_name(episodes):
            states = recurrence.step(inputs_MH, states)
            outputs_MH = states[-1][0]
            next_inputs_MH = np.zeros_like(inputs_MH)
            # Usually all sequences are at the same decision; a slice then avoids copies that cost as much as a step.
            together = len(next(iter(groups.values()))) == len(episodes)
            for name, rows in groups.items():
                decisions = [episodes[row].decision for row in rows]
                picked = slice(None) if together else rows
                states_GH, rngs_of_group = outputs_MH[picked], [rngs[row] for row in rows]
                for decision in decisions:
                    assert decision is not None
                    self.meet(decision)
                if isinstance(decisions[0], Choice):
                    options = self._choose(name, decisions, states_GH, rngs_of_group)
                    actions: Sequence[Action] = options
                    next_inputs_MH[picked] = array(self.weights[f"choice/{name}/embedding"])[options]
                else:
                    if name not in memories:
                        memories[name] = AnchorMemory(self.weights, name, len(episodes))
                    memory = memories[name]
                    positions = [decision.of for decision in decisions if isinstance(decision, Subset)]
                    actions, selected_GA = self._select(memory.logits(picked, states_GH), positions, rngs_of_group)
                    next_inputs_MH[picked] = memory.next_inputs(picked, selected_GA)
                    memory.append(picked, positions, inputs_MH[picked], states_GH)
                for row, action in zip(rows, actions, strict=True):
                    episodes[row].act(action)
            inputs_MH = next_inputs_MH

    def _recurrence(self) -> Recurrence:
        return Recurrence(self.weights, self.lstm.num_layers)

    def begin(self) -> States:
        """Return the LSTM states at the first decision of one sequence of `Choice`s.

        With `choose` and `advance` a caller supplies the decisions one at a time, without an `Episode`:

            walk = controller.begin()
            action = controller.choose(walk, choice, rng)
            walk = controller.advance(walk, choice, action)
        """
        recurrence = self._recurrence()
        return recurrence.step(array(self.weights["start"])[np.newaxis], recurrence.start(1))

    def choose(self, walk: States, choice: Choice, rng: np.random.Generator) -> int:
        """Sample an option of `choice`, the decision at the states `walk`, and return its index."""
        self.meet(choice)
        (action,) = self._choose(choice.name, [choice], walk[-1][0], [rng])
        return action

    def advance(self, walk: States, choice: Choice, action: int) -> States:
        """Return the states after `choice` was answered with the option of index `action`."""
        self.meet(choice)
        return self._recurrence().step(array(self.weights[f"choice/{choice.name}/embedding"])[[action]], walk)

    def _choose(
        self, name: str, decisions: Sequence[Decision | None], states_GH: Floats, rngs: Sequence[np.random.Generator]
    ) -> list[int]:
        """Sample one option for each sequence."""
        weight, bias = array(self.weights[f"choice/{name}/weight"]), array(self.weights[f"choice/{name}/bias"])
        logits_GN = ((states_GH @ weight.T + bias) / self.temperature).astype(np.float64)
        allowed_GN = np.array([decision.allowed for decision in decisions if isinstance(decision, Choice)])
        return sample_options(logits_GN, allowed_GN, rngs)

    def _select(
        self, logits_GA: Floats, positions: Sequence[int], rngs: Sequence[np.random.Generator]
    ) -> tuple[list[Action], Floats]:
        """Sample one bit for each earlier anchor; return the selections as actions and as a 0/1 matrix [G, A]."""
        probabilities_GA = sigmoid((logits_GA / self.temperature).astype(np.float64))
        selected_GA = np.zeros_like(logits_GA)
        actions: list[Action] = []
        for place, (position, rng) in enumerate(zip(positions, rngs, strict=True)):
            bits = rng.random(position) < probabilities_GA[place, :position]
            selected_GA[place, :position] = bits
            actions.append(tuple(np.flatnonzero(bits).tolist()))
        return actions, selected_GA

    # Known sequences --------------------------------------------------------------------------------------------------

    def log_probs(self, episodes: Sequence[Episode]) -> tuple[Tensor, Tensor]:
        """Evaluate known action sequences by one LSTM call; differentiable with respect to `weights`.

        Args:
            episodes: M complete episodes.

        Returns:
            Log-probability and entropy in nats, each of shape [M]. The entropy of an episode is the sum of the
            policy's entropies at its decisions.
        """
        for episode in episodes:
            for decision in episode.decisions:
                self.meet(decision)
        layout = Layout(episodes)
        states_TMH, _ = self.lstm(self._inputs(layout).transpose(0, 1))
        log_probs = torch.zeros(len(episodes))
        entropies = torch.zeros(len(episodes))
        for name, terms in layout.choices.items():
            weight, bias = self.weights[f"choice/{name}/weight"], self.weights[f"choice/{name}/bias"]
            logits = functional.linear(states_TMH[terms.steps, terms.sequences], weight, bias) / self.temperature
            masked = ~torch.tensor(terms.allowed)
            log_p = functional.log_softmax(logits.masked_fill(masked, -torch.inf), dim=1)
            taken = log_p.gather(1, torch.tensor(terms.actions).unsqueeze(1)).squeeze(1)
            entropy = -(log_p.exp() * log_p.masked_fill(masked, 0.0)).sum(1)
            sequences = torch.tensor(terms.sequences)
            log_probs = log_probs.index_add(0, sequences, taken)
            entropies = entropies.index_add(0, sequences, entropy)
        for name, subset_terms in layout.subsets.items():
            log_prob, entropy = self._subset_terms(name, subset_terms, states_TMH)
            log_probs, entropies = log_probs + log_prob, entropies + entropy
        return log_probs, entropies

    def _inputs(self, layout: Layout) -> Tensor:
        """Return the LSTM's inputs at every step, [M, T, H]; see layout.py."""
        start = self.weights["start"].unsqueeze(0)
        blocks = [torch.zeros_like(start), start]
        for name in layout.first_row:
            none = self.weights.get(f"subset/{name}/none")
            blocks.append(self.weights[f"choice/{name}/embedding"] if none is None else none.unsqueeze(0))
        embedded_MTH = torch.cat(blocks)[torch.from_numpy(layout.rows)]
        if layout.mixing is None:
            return embedded_MTH
        system = torch.eye(layout.rows.shape[1]) - torch.from_numpy(layout.mixing)
        solved: Tensor = torch.linalg.solve_triangular(system, embedded_MTH, upper=False, unitriangular=True)
        return solved

    def _subset_terms(self, name: str, terms: SubsetTerms, states_TMH: Tensor) -> tuple[Tensor, Tensor]:
        """Return log-probability and entropy, each [M], summed over all bits of one `Subset` name."""
        num_anchors = max(map(len, terms.steps))
        later, earlier = torch.tril_indices(num_anchors, num_anchors, offset=-1).tolist()
        steps = [anchors + [0] * (num_anchors - len(anchors)) for anchors in terms.steps]
        states_MAH = states_TMH[torch.tensor(steps), torch.arange(len(steps)).unsqueeze(1)]
        logits_MP = pair_scores(self.weights, name, states_MAH) / self.temperature
        asked_MP = torch.tensor([[i < len(anchors) for i in later] for anchors in terms.steps], dtype=torch.bool)
        taken_MP = torch.tensor(
            [
                [i < len(selected) and j in selected[i] for i, j in zip(later, earlier, strict=True)]
                for selected in terms.selected
            ],
            dtype=torch.bool,  # explicit: with a single anchor the list is empty and torch would choose float32
        )
        log_p = functional.logsigmoid(torch.where(taken_MP, logits_MP, -logits_MP))
        entropy = bernoulli_entropy(logits_MP)
        return (log_p * asked_MP).sum(1), (entropy * asked_MP).sum(1)


def sample_options(
    logits_GN: npt.NDArray[np.float64], allowed_GN: npt.NDArray[np.bool_], rngs: Sequence[np.random.Generator]
) -> list[int]:
    """Sample one option for each row of logits by inverting the cumulative distribution in double precision.

    Args:
        logits_GN: unnormalised log-probabilities.
        allowed_GN: options that may be sampled.
        rngs: G generators, one for each row.

    Returns:
        G option indices.
    """
    odds_GN = np.where(allowed_GN, np.exp(logits_GN - logits_GN.max(1, keepdims=True)), 0.0)
    cumulative_GN = odds_GN.cumsum(1)
    # A uniform float32 sample is at most 1 - 2**-24, so the threshold stays below the total probability.
    thresholds = [[float(rng.random(dtype=np.float32))] for rng in rngs] * cumulative_GN[:, -1:]
    options: list[int] = (cumulative_GN <= thresholds).sum(1).tolist()
    return options


def _by_name(episodes: Sequence[Episode]) -> dict[str, list[int]]:
    """Group the indices of unfinished episodes by the name of their current decision."""
    groups: dict[str, list[int]] = defaultdict(list)
    for row, episode in enumerate(episodes):
        if episode.decision is not None:
            groups[episode.decision.name].append(row)
    return groups
