"""The processor time of a proposal of `thompson` on the space of 15 layers, after 100 to 500 trials.

OMP_NUM_THREADS=1 python benchmarks/proposals.py      # about 10 seconds
"""

import random
import statistics
import time

from netwright.spaces.convolutional import convolutional
from netwright.strategies.thompson import ThompsonSampling
from netwright.trials import Proposal, Ticket, Trial, TrialState

WIDTH = 20
"""Proposals whose median is taken."""


def reward(proposal: Proposal) -> float:
    """Made up: the share of decisions answered by the second option, and noise."""
    answers = [action == 1 for action in proposal.actions]
    return sum(answers) / len(answers) + 0.1 * random.Random(str(proposal.actions)).random()


def main() -> None:
    strategy = ThompsonSampling(convolutional(15), seed=0)
    seconds = []
    for number in range(501):
        ticket, begun = Ticket(number, number, 1), time.process_time()
        [proposal] = strategy.propose(ticket)
        seconds.append(time.process_time() - begun)
        strategy.observe(ticket, [Trial(number, proposal, TrialState.DONE, reward(proposal))])
        if number % 100 == 0 and number:
            print(f"after {number} trials: {1000 * statistics.median(seconds[-WIDTH:]):.1f} ms", flush=True)


if __name__ == "__main__":
    main()
