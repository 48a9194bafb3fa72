"""The controller: a recurrent policy that answers a space's decisions one after the other.

Paper: a two-layer LSTM with 35 units, weights U(-0.08, 0.08), a softmax per decision and an attention over anchor
points per `Subset` (sections 3.1, 3.3, 4.1); the action just taken is the next input.

Shapes: M sequences, G of them at once, T decisions of the longest, H units, A anchors, N options.
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
    """U(-init_range, init_range), a function of (seed, name) alone, so the order of creation does not matter."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "controller", name))
    return torch.empty(tuple(shape)).uniform_(-init_range, init_range, generator=generator)


class Controller:
    """The policy: samples complete sequences and gives the log-probability of known ones.

    `weights` maps names to tensors: "lstm/...", "start" (the first input), "choice/NAME/embedding|weight|bias",
    "subset/NAME/previous|current|score|none". Those of a decision are created when its name is first met and shared by
    every place that asks under this name.

    Deviation: the paper does not say what is shared, how large embeddings are, or what follows an anchor step. Here
    weights are shared over layers, embeddings have `hidden_size` entries, and the mean of the selected anchors' inputs
    follows (a learned vector where none is selected).
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
        # By way of "meta": nn.LSTM would draw from the global generator, which belongs to the user.
        self.lstm = nn.LSTM(hidden_size, hidden_size, num_layers, device="meta").to_empty(device="cpu")
        self.weights: Weights = {f"lstm/{name}": weight for name, weight in self.lstm.named_parameters()}
        with torch.no_grad():
            for name, weight in self.weights.items():
                weight.copy_(initial_weight(seed, name, weight.shape, init_range))
        self._create("start", (hidden_size,))

    def _create(self, name: str, shape: Sequence[int]) -> None:
        self.weights[name] = initial_weight(self.seed, name, shape, self.init_range).requires_grad_()

    def meet(self, decision: Decision) -> None:
        """Create the weights of a decision that was never met; `SpaceError` if its name means something else."""
        name, hidden = decision.name, self.hidden_size
        if isinstance(decision, Choice):
            known, num_options = self.weights.get(f"choice/{name}/bias"), len(decision.options)
            if known is None and f"subset/{name}/none" not in self.weights:
                self._create(f"choice/{name}/embedding", (num_options, hidden))
                self._create(f"choice/{name}/weight", (num_options, hidden))
                self._create(f"choice/{name}/bias", (num_options,))
            elif known is None or len(known) != num_options:
                raise SpaceError(f"{decision} does not fit what was asked before under its name; run check_space")
        elif f"subset/{name}/none" not in self.weights:
            if f"choice/{name}/bias" in self.weights:
                raise SpaceError(f"{decision} does not fit the Choice that was asked under its name; run check_space")
            for part in SUBSET_WEIGHTS:
                matrix = part in ("previous", "current")
                self._create(f"subset/{name}/{part}", (hidden, hidden) if matrix else (hidden,))

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Take over the values of `weights`; a decision without any among them counts as one that was never met."""
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
        """A copy of all weights."""
        return {name: weight.detach().clone() for name, weight in self.weights.items()}

    # Sampling ---------------------------------------------------------------------------------------------------------

    def sample(self, episodes: Sequence[Episode], rngs: Sequence[np.random.Generator]) -> None:
        """Answer every decision of M fresh performances in lock-step: one LSTM step per decision for all of them.

        Sequence k draws from rngs[k] only, so it does not depend on its neighbours.
        """
        recurrence = self._recurrence()
        memories: dict[str, AnchorMemory] = {}
        states = recurrence.start(len(episodes))
        inputs_MH = np.repeat(array(self.weights["start"])[np.newaxis], len(episodes), axis=0)
        while groups := _by_name(episodes):
            states = recurrence.step(inputs_MH, states)
            outputs_MH = states[-1][0]
            next_inputs_MH = np.zeros_like(inputs_MH)
            # Sequences of one shape are at the same decision; picking all rows one by one would cost as much as a step.
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
        """The walk at its first decision; for a sequence whose decisions come from outside, each a `Choice`."""
        recurrence = self._recurrence()
        return recurrence.step(array(self.weights["start"])[np.newaxis], recurrence.start(1))

    def choose(self, walk: States, choice: Choice, rng: np.random.Generator) -> int:
        """An option of `choice`, the next decision of the walk, drawn."""
        self.meet(choice)
        (action,) = self._choose(choice.name, [choice], walk[-1][0], [rng])
        return action

    def advance(self, walk: States, choice: Choice, action: int) -> States:
        """The walk behind `choice`, answered with `action`."""
        self.meet(choice)
        return self._recurrence().step(array(self.weights[f"choice/{choice.name}/embedding"])[[action]], walk)

    def _choose(
        self, name: str, decisions: Sequence[Decision | None], states_GH: Floats, rngs: Sequence[np.random.Generator]
    ) -> list[int]:
        """One option per sequence."""
        weight, bias = array(self.weights[f"choice/{name}/weight"]), array(self.weights[f"choice/{name}/bias"])
        logits_GN = ((states_GH @ weight.T + bias) / self.temperature).astype(np.float64)
        allowed_GN = np.array([decision.allowed for decision in decisions if isinstance(decision, Choice)])
        return draw_options(logits_GN, allowed_GN, rngs)

    def _select(
        self, logits_GA: Floats, positions: Sequence[int], rngs: Sequence[np.random.Generator]
    ) -> tuple[list[Action], Floats]:
        """Independent bits for as many anchors as each sequence has, as actions and as a 0/1 matrix [G, A]."""
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
        """Log-probability and entropy in nats, each [M], of M complete performances; differentiable, one LSTM call.

        The entropy of a sequence is the sum of the policy's entropies at its decisions.
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
        """The LSTM's inputs of every step, [M, T, H]; see layout.py."""
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
        """Log-probability and entropy of all bits of one `Subset` name, each [M]."""
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
            dtype=torch.bool,  # said, since with a single anchor there is no pair to tell it from
        )
        log_p = functional.logsigmoid(torch.where(taken_MP, logits_MP, -logits_MP))
        entropy = bernoulli_entropy(logits_MP)
        return (log_p * asked_MP).sum(1), (entropy * asked_MP).sum(1)


def draw_options(
    logits_GN: npt.NDArray[np.float64], allowed_GN: npt.NDArray[np.bool_], rngs: Sequence[np.random.Generator]
) -> list[int]:
    """One allowed option for each row of logits, by inverting the cumulative distribution in double precision."""
    odds_GN = np.where(allowed_GN, np.exp(logits_GN - logits_GN.max(1, keepdims=True)), 0.0)
    cumulative_GN = odds_GN.cumsum(1)
    # A float32 draw is at most 1 - 2**-24, so the threshold stays below the total and the last allowed option.
    thresholds = [[float(rng.random(dtype=np.float32))] for rng in rngs] * cumulative_GN[:, -1:]
    options: list[int] = (cumulative_GN <= thresholds).sum(1).tolist()
    return options


def _by_name(episodes: Sequence[Episode]) -> dict[str, list[int]]:
    """The indices of the unfinished performances, by the name of the decision that each is at."""
    groups: dict[str, list[int]] = defaultdict(list)
    for row, episode in enumerate(episodes):
        if episode.decision is not None:
            groups[episode.decision.name].append(row)
    return groups
