"""Statistics of a run's trials over time, as plain numbers."""

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from netwright.architectures.convolutional import ConvNet
from netwright.searching.store import Session
from netwright.spaces.decisions import Choice, Option
from netwright.spaces.programs import Space
from netwright.trials import Trial, TrialState

MAX_BINS = 60
MIN_BIN = 8
"""Minimum number of trials in a bin: the paper's batch size."""
MAX_REPLAYED_DECISIONS = 200_000
"""Replaying costs some microseconds for each decision; of longer runs, evenly spaced trials are replayed."""
MAX_LABELS = 30
"""Options of a decision in its chart; of more, the rarest are counted together."""
ALL = ""
"""Stands for all options of a decision in counts."""
FARTHEST = 4
"""Positions of a subset are counted by distance; this distance includes all greater ones."""


@dataclass(frozen=True)
class Series:
    """Shares over time: for each label one value per bin, None where the decision did not occur."""

    name: str
    numbers: tuple[float, ...]
    """The middle trial number of every bin."""
    shares: dict[str, list[float | None]]
    stacked: bool = False
    """Whether the shares of a bin sum to 1."""


def evenly(count: int, most: int) -> list[int]:
    """Return at most `most` of the indices 0..count-1, evenly spaced and including both ends."""
    if count <= most:
        return list(range(count))
    return sorted({round(index * (count - 1) / (most - 1)) for index in range(most)})


def bins_of(count: int) -> list[range]:
    """Divide the numbers 0..count-1 into at most MAX_BINS ranges of equal length."""
    size = max(MIN_BIN, math.ceil(count / MAX_BINS))
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def middles(bins: Sequence[range]) -> tuple[float, ...]:
    """Return the middle number of every bin."""
    return tuple((each.start + each.stop - 1) / 2 for each in bins)


def running_median(values: Sequence[float], window: int) -> list[float]:
    """Return the median of each value and the `window` - 1 before it, fewer at the beginning."""
    return [statistics.median(values[max(0, end - window) : end]) for end in range(1, len(values) + 1)]


def records(values: Sequence[float]) -> list[int]:
    """Return the indices at which a value is higher than all before it."""
    best, found = -math.inf, []
    for index, value in enumerate(values):
        if value > best:
            best = value
            found.append(index)
    return found


def preferences(space: Space, trials: Sequence[Trial]) -> tuple[list[Series], int]:
    """Count how often each option of each decision was sampled, over time.

    All occurrences of a decision with the same name are counted together. A `Subset` is described by the share of
    positions at each distance that were selected. Raises whatever the space's program raises.

    Returns:
        A series for each decision, and the number of trials replayed.
    """
    num_decisions = sum(len(trial.proposal.actions) for trial in trials)
    most = max(2, int(len(trials) * min(1.0, MAX_REPLAYED_DECISIONS / max(1, num_decisions))))
    replayed = [trials[index] for index in evenly(len(trials), most)]
    bins = bins_of(len(trials))
    size = len(bins[0]) if bins else 1
    chosen: dict[str, Counter[tuple[int, str]]] = defaultdict(Counter)
    asked: dict[str, Counter[tuple[int, str]]] = defaultdict(Counter)
    labels: dict[str, list[str]] = {}
    exclusive: dict[str, bool] = {}
    for trial in replayed:
        place = trial.number // size
        episode = space.with_parameters(**trial.proposal.parameters).replay(trial.proposal.actions)
        for decision, action in zip(episode.decisions, episode.actions, strict=True):
            name = decision.name
            if isinstance(decision, Choice):
                exclusive[name] = True
                if name not in labels:
                    labels[name] = _labels(decision.options)
                assert isinstance(action, int)
                chosen[name][place, labels[name][action]] += 1
                asked[name][place, ALL] += 1
                continue
            exclusive[name] = False
            assert isinstance(action, tuple)
            labels[name] = [_distance(back) for back in range(1, FARTHEST + 1)]
            chosen[name].update((place, _distance(decision.of - position)) for position in action)
            asked[name].update((place, _distance(decision.of - position)) for position in range(decision.of))
    found = []
    for name, stacked in exclusive.items():
        if stacked:
            _combine_rare(labels, name, chosen[name])
        shares = {
            label: [
                _share(chosen[name][place, label], asked[name][place, ALL if stacked else label])
                for place in range(len(bins))
            ]
            for label in labels[name]
        }
        # The first Subset of a name has no positions, so a series of it alone would be empty.
        shares = {label: values for label, values in shares.items() if stacked or any(v is not None for v in values)}
        if shares:
            found.append(Series(name, middles(bins), shares, stacked))
    return found, len(replayed)


def _combine_rare(labels: dict[str, list[str]], name: str, chosen: Counter[tuple[int, str]]) -> None:
    """Count the options of a decision together that were sampled least, if it has very many."""
    if len(labels[name]) <= MAX_LABELS:
        return
    totals: Counter[str] = Counter()
    for (_, label), count in chosen.items():
        totals[label] += count
    kept = {label for label, _ in totals.most_common(MAX_LABELS - 1)}
    others = f"{len(labels[name]) - len(kept):,} others"
    for (place, label), count in [*chosen.items()]:
        if label not in kept:
            chosen[place, others] += count
    labels[name] = [label for label in labels[name] if label in kept] + [others]


def _labels(options: Sequence[Option]) -> list[str]:
    labels = [str(option) for option in options]
    return labels if len(set(labels)) == len(labels) else [repr(option) for option in options]


def _distance(back: int) -> str:
    return f"{back} back" if back < FARTHEST else f"{FARTHEST} or more back"


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def uniqueness(trials: Sequence[Trial]) -> list[float | None]:
    """Return, for each bin, the share of trials whose architecture had not been sampled before."""
    seen: set[str] = set()
    new = []
    for trial in trials:
        new.append(trial.fingerprint not in seen)
        seen.add(trial.fingerprint)
    return [_share(sum(new[each.start : each.stop]), len(each)) for each in bins_of(len(trials))]


def shapes(documents: Sequence[object]) -> dict[str, list[float | None]] | None:
    """Return, for each bin, the share of non-square filters and the density of skip connections.

    `documents` are the architectures as JSON; the result is None unless all are ConvNets.
    """
    convnets = [each for each in documents if isinstance(each, Mapping) and each.get("type") == ConvNet.__name__]
    if not documents or len(convnets) < len(documents):
        return None
    rectangular: list[float | None] = []
    dense: list[float | None] = []
    for numbers in bins_of(len(convnets)):
        networks = [convnets[number]["layers"] for number in numbers]
        layers = [layer for network in networks for layer in network]
        pairs = sum(math.comb(len(network), 2) for network in networks)
        rectangular.append(_share(sum(each["filter_height"] != each["filter_width"] for each in layers), len(layers)))
        dense.append(_share(sum(len(layer["inputs"]) for layer in layers), pairs))
    return {"rectangular filters": rectangular, "density of connections": dense}


def trained_seconds(trials: Iterable[Trial]) -> list[float]:
    """Return the training time of every child, leaving out trials that reuse a measurement."""
    return [trial.seconds for trial in trials if trial.seconds is not None and trial.reused_from is None]


@dataclass(frozen=True)
class Busy:
    """Utilisation of the workers over time; pauses between sessions are cut out.

    `shares` belong to bins of equal length, whose middles are `seconds`; `share` is the overall one. A session begins
    with the start of its workers and ends with its last job.
    """

    seconds: tuple[float, ...]
    shares: tuple[float, ...]
    share: float
    num_pauses: int


def busy(sessions: Sequence[Session]) -> Busy | None:
    """Return the share of workers that had work; None if no times are known."""
    under_way = [session for session in sessions if session.work]
    if not under_way:
        return None
    length, available, worked = 0.0, 0.0, 0.0
    # (begin, end, share of the workers that one job takes) on a clock that stops in pauses.
    jobs: list[tuple[float, float, float]] = []
    for session in under_way:
        shift = length - session.begun
        jobs += [(begun + shift, begun + seconds + shift, 1 / session.workers) for begun, seconds in session.work]
        lasted = max(begun + seconds for begun, seconds in session.work) - session.begun
        length += lasted
        available += lasted * session.workers
        worked += sum(seconds for _, seconds in session.work)
    width = length / MAX_BINS
    shares = [0.0] * MAX_BINS
    for begin, end, part in jobs:
        for index in range(int(begin / width), min(MAX_BINS, int(end / width) + 1)):
            shares[index] += part * (min(end, (index + 1) * width) - max(begin, index * width)) / width
    middle = tuple((index + 0.5) * width for index in range(MAX_BINS))
    return Busy(middle, tuple(shares), worked / available, len(under_way) - 1)


def search_seconds(sessions: Sequence[Session]) -> float | None:
    """Return how long the sessions lasted together, without the pauses between them; None if no times are known."""
    lasted = [max(begun + seconds for begun, seconds in each.work) - each.begun for each in sessions if each.work]
    return sum(lasted) if lasted else None


def best_by_cost(costs: Sequence[float], qualities: Sequence[float]) -> list[int]:
    """Return the indices at which a higher quality needs a higher cost (the Pareto front), by cost."""
    order = sorted(range(len(costs)), key=lambda index: (costs[index], -qualities[index]))
    found: list[int] = []
    for index in order:
        if not found or qualities[index] > qualities[found[-1]]:
            found.append(index)
    return found


def num_reused(trials: Iterable[Trial]) -> int:
    """Count the trials that reuse the measurement of an earlier one."""
    return sum(trial.reused_from is not None for trial in trials)


def failures(trials: Iterable[Trial]) -> list[tuple[str, list[Trial]]]:
    """Group failed and rejected trials by reason, the most frequent reason first."""
    groups: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        if trial.state in (TrialState.FAILED, TrialState.REJECTED):
            reason = (trial.error or "").partition("\n")[0] or f"{trial.state} without a reason"
            groups[reason].append(trial)
    return sorted(groups.items(), key=lambda group: -len(group[1]))


def quantile(values: Sequence[float], share: float) -> float:
    """Return the quantile of `values` (not empty) at `share`, from 0.01 to 0.99."""
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[round(100 * share) - 1]
