"""The batches of a search: which exist, when the next may be sampled, and which is learned next."""

from collections import deque
from collections.abc import Iterator

from netwright.trials import Ticket


class Batches:
    """Streams of batches of `size` trials, one stream per replica, with at most `lag` + 1 batches of each in flight.

        for ticket in batches.issue():                # every batch that there is room for, to be sampled
            ...
        batches.ended(trial.number)                   # a trial of a batch in flight
        while (number := batches.next_complete()) is not None:
            ...
            batches.close(number, redrawn=0)          # it is learned, which makes room for the replica's next one

    Batches are numbered in the order in which they are issued. A replica's batches are learned in order.
    """

    def __init__(self, *, size: int, lag: int, replicas: int) -> None:
        self.learned: list[int] = []
        """The numbers of the learned batches, in the order of learning."""
        self._size, self._lag = size, lag
        self._redrawn = 0
        """How many trials of the learned batches do not count towards the number of trials."""
        self._tickets: list[Ticket] = []
        self._rounds = [0] * replicas
        self._with_room = set(range(replicas))
        self._of_replica: list[deque[int]] = [deque() for _ in range(replicas)]
        """For each replica the numbers of its batches that are not learned, in order."""
        self._num_open: dict[int, int] = {}
        """Number of a batch that is not learned -> how many of its trials have not ended."""
        self._complete: dict[int, None] = {}
        """Those batches all of whose trials have ended, in the order in which they became complete."""

    def __getitem__(self, number: int) -> Ticket:
        return self._tickets[number]

    @property
    def in_flight(self) -> Iterator[Ticket]:
        """The batches that are issued and not learned."""
        return (self._tickets[number] for number in self._num_open)

    def issue(self) -> list[Ticket]:
        """Return a ticket for every batch that there is room for, replica by replica."""
        issued = []
        with_room, self._with_room = sorted(self._with_room), set()
        for replica in with_room:
            while len(self._of_replica[replica]) <= self._lag:
                number = len(self._tickets)
                ticket = Ticket(self._rounds[replica], number * self._size, self._size, replica, self._redrawn)
                self._rounds[replica] += 1
                self._of_replica[replica].append(number)
                self._tickets.append(ticket)
                self._num_open[number] = ticket.size
                issued.append(ticket)
        return issued

    def ended(self, trial: int) -> None:
        """Record that trial number `trial`, of a batch in flight, has ended."""
        number = trial // self._size
        self._num_open[number] -= 1
        if not self._num_open[number]:
            self._complete[number] = None

    def next_complete(self) -> int | None:
        """Return the batch to learn next: of the first batches of all replicas, the one that was complete first."""
        return next(
            (number for number in self._complete if self._of_replica[self._tickets[number].replica][0] == number), None
        )

    def close(self, number: int, *, redrawn: int) -> None:
        """Record that a complete batch, the first of its replica, is learned; `redrawn` of its trials do not count."""
        self._redrawn += redrawn
        replica = self._tickets[number].replica
        self._of_replica[replica].popleft()
        self._with_room.add(replica)
        del self._num_open[number]
        del self._complete[number]
        self.learned.append(number)
