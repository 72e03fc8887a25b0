"""What happens to each request in a busy engine?"""

# --8<-- [start:imports]
from collections import deque
from heapq import heappop, heappush
from math import ceil, sqrt
from typing import NamedTuple

from snippets.hardware.replica import Replica

# --8<-- [end:imports]


# --8<-- [start:models]
class Requests(NamedTuple):
    """One entry a request, by time of arrival."""

    arrival_s: list[float]
    input_tokens: list[int]
    output_tokens: list[int]


class Served(NamedTuple):
    """What became of each, and of the engine.

    Times count from the start, in seconds;
    preemptions: of all requests together
    sequence_s: sequences in the batch · seconds
    least_free_blocks: when memory was fullest
    """

    admitted_s: list[float]
    first_token_s: list[float]
    finished_s: list[float]
    preemptions: int
    sequence_s: float
    least_free_blocks: int


# --8<-- [end:models]


# --8<-- [start:batch]
class Batch:
    """Sequences that write, a token each a step.

    A sequence is kept by the length of its KV less
    the count of steps, which does not change while
    it writes. So a jump over many steps costs as
    much as one step.
    """

    def __init__(self, replica: Replica) -> None:
        self.block = replica.block_tokens
        self.free = replica.kv_tokens // self.block
        self.steps = 0
        self.size = 0
        self.context_tokens = 0
        self.by_phase = [0] * self.block
        self.origin: dict[int, int] = {}

    def join(self, one: int, length: int) -> None:
        """Let one write; its blocks are taken."""
        origin = length - self.steps
        self.origin[one] = origin
        self.by_phase[origin % self.block] += 1
        self.context_tokens += length
        self.size += 1

    def leave(self, one: int) -> int:
        """Free the blocks of one; its length."""
        origin = self.origin.pop(one)
        length = origin + self.steps
        self.by_phase[origin % self.block] -= 1
        self.context_tokens -= length
        self.size -= 1
        self.free += -(-length // self.block)
        return length

    def blocks(self, steps: int) -> int:
        """Count blocks that steps need on top."""
        rounds, rest = divmod(steps, self.block)
        count = rounds * self.size
        if rest:
            last = -self.steps % self.block
            first = last - rest + 1
            phase = self.by_phase
            count += sum(
                phase[max(first, 0) : last + 1]
            )
            if first < 0:
                count += sum(phase[first:])
        return count

    def most_steps(self, wanted: int) -> int:
        """How many of them free blocks allow."""
        if self.blocks(wanted) <= self.free:
            return wanted
        rounds = self.free // self.size
        steps = rounds * self.block
        while self.blocks(steps + 1) <= self.free:
            steps += 1
        return steps

    def write(self, steps: int) -> None:
        """Give each sequence a token a step."""
        self.free -= self.blocks(steps)
        self.context_tokens += steps * self.size
        self.steps += steps


# --8<-- [end:batch]


# --8<-- [start:run]
class _Run:
    """An engine at work, and what it notes."""

    def __init__(
        self,
        replica: Replica,
        requests: Requests,
    ) -> None:
        step = replica.step
        count = len(requests.arrival_s)
        self.replica = replica
        self.requests = requests
        self.fixed_s = [
            step.tokens_s(tokens)
            for tokens in range(
                replica.max_batched_tokens + 1
            )
        ]
        self.context_s = step.context_token_s
        self.pair_s = step.pair_s
        self.batch = Batch(replica)
        self.waiting: deque[int] = deque()
        self.running: dict[int, int] = {}
        self.ends: list[tuple[int, int]] = []
        self.partial: tuple[int, int] | None = None
        self.written = [0] * count
        self.now = 0.0
        self.next = 0
        self.left = count
        self.most = self.batch.free
        self.admitted = [-1.0] * count
        self.first = [-1.0] * count
        self.finished = [-1.0] * count
        self.preemptions = 0
        self.reserved = 0
        self.sequence_s = 0.0
        self.least = self.batch.free

    def arrive(self) -> None:
        """Queue who came; if idle, skip time."""
        times = self.requests.arrival_s
        if (
            not self.running
            and not self.waiting
            and self.now < times[self.next]
        ):
            self.now = times[self.next]
        while (
            self.next < len(times)
            and times[self.next] <= self.now
        ):
            self.waiting.append(self.next)
            self.next += 1

    def prompt(self, one: int) -> int:
        """What one reads, again if sent back."""
        return (
            self.requests.input_tokens[one]
            + self.written[one]
        )

    def reserves(self, one: int) -> int:
        """Blocks kept for all that one writes."""
        if not self.replica.reserves_output:
            return 0
        whole = self.requests.input_tokens[one]
        whole += self.requests.output_tokens[one]
        return -(-whole // self.batch.block)

    def preempt(self) -> None:
        """Send the last back to the queue."""
        one, end = self.running.popitem()
        self.preemptions += 1
        if end < 0:
            self.batch.free += -(
                -self.prompt(one)
                // self.batch.block
            )
            self.partial = None
        else:
            length = self.batch.leave(one)
            self.written[one] = (
                length
                + 1
                - self.requests.input_tokens[one]
            )
        self.waiting.appendleft(one)

    def read(self) -> tuple[list[int], int, float]:
        """Take chunks of prompts into this step.

        Who is read to the end, tokens, and pairs of
        a token with one before it.
        """
        batch, replica = self.batch, self.replica
        room = replica.max_batched_tokens
        room -= batch.size
        spare = batch.free - batch.blocks(1)
        ready: list[int] = []
        tokens, pairs = 0, 0.0
        while room:
            if self.partial:
                one, done = self.partial
                todo = self.prompt(one) - done
            else:
                if (
                    not self.waiting
                    or len(self.running)
                    == replica.max_sequences
                ):
                    break
                one, done = self.waiting[0], 0
                todo = self.prompt(one)
                blocks = -(-todo // batch.block)
                if blocks > spare:
                    break
                whole = self.reserves(one)
                if (
                    self.reserved + whole
                    > self.most
                ):
                    break
                self.reserved += whole
                self.waiting.popleft()
                spare -= blocks
                batch.free -= blocks
                self.running[one] = -1
                if self.admitted[one] < 0:
                    self.admitted[one] = self.now
            take = min(todo, room)
            room -= take
            tokens += take
            pairs += take * (done + take / 2)
            if take < todo:
                self.partial = (one, done + take)
            else:
                self.partial = None
                ready.append(one)
        return ready, tokens, pairs

    def pass_time(self, seconds: float) -> None:
        """Let the clock go on."""
        self.now += seconds
        self.sequence_s += seconds * len(
            self.running
        )
        self.least = min(
            self.least, self.batch.free
        )

    def write(self) -> None:
        """Write alone, up to what happens next.

        Who waits for memory goes on to wait: only a
        sequence that ends gives blocks back.
        """
        batch = self.batch
        size = batch.size
        steps = self.ends[0][0] - batch.steps
        each = self.fixed_s[size]
        each += self.context_s * (
            batch.context_tokens
        )
        grows = self.context_s * size
        if not self.waiting and self.next < len(
            self.requests.arrival_s
        ):
            until = (
                self.requests.arrival_s[self.next]
                - self.now
            )
            # each·k + grows·k(k+1)/2 >= until
            half = each + grows / 2
            root = sqrt(
                half * half + 2 * grows * until
            )
            count = ceil(2 * until / (half + root))
            steps = min(steps, max(count, 1))
        steps = batch.most_steps(steps)
        batch.write(steps)
        self.pass_time(
            steps * each
            + grows * steps * (steps + 1) / 2
        )

    def finish(self) -> None:
        """Let those go that wrote their last."""
        ends, running = self.ends, self.running
        while ends:
            end, one = ends[0]
            if running.get(one) != end:
                heappop(ends)  # was preempted
            elif end <= self.batch.steps:
                heappop(ends)
                self.batch.leave(one)
                self.end(one)
            else:
                break

    def end(self, one: int) -> None:
        """Note that one is done."""
        del self.running[one]
        self.finished[one] = self.now
        self.reserved -= self.reserves(one)
        self.left -= 1

    def start(self, one: int) -> None:
        """Let one write whose prompt is read."""
        if self.first[one] < 0:
            self.first[one] = self.now
        length = self.prompt(one)
        todo = self.requests.output_tokens[one]
        todo -= self.written[one] + 1
        self.batch.join(one, length)
        if not todo:
            self.batch.leave(one)
            self.end(one)
            return
        end = self.batch.steps + todo
        self.running[one] = end
        heappush(self.ends, (end, one))

    def advance(self) -> None:
        """Do one that reads, or many that write."""
        self.arrive()
        batch = self.batch
        while batch.blocks(1) > batch.free:
            self.preempt()
        ready, tokens, pairs = self.read()
        if tokens:
            seconds = self.fixed_s[
                batch.size + tokens
            ]
            batch.write(1)
            seconds += self.context_s * (
                batch.context_tokens
            )
            self.pass_time(
                seconds + pairs * self.pair_s
            )
        elif batch.size:
            self.finish()  # drops stale ends
            self.write()
        self.finish()
        for one in ready:
            self.start(one)


# --8<-- [end:run]


# --8<-- [start:simulate]
def simulate(
    replica: Replica, requests: Requests
) -> Served:
    """Serve requests as vLLM does.

    Each step writes a token of every sequence and
    fills up with chunks of prompts, up to the most
    tokens of a step. One is admitted when a
    sequence and the blocks of its whole prompt are
    free; when blocks run out, the last to come is
    sent back, and reads all it had again.
    Raises ValueError for requests that do not come
    in order, or that never fit.
    Source: vllm/v1/core/sched/scheduler.py of vLLM.
    """
    times = requests.arrival_s
    if sorted(times) != times:
        raise ValueError(
            "arrival_s has to rise from 0"
        )
    block = replica.block_tokens
    most = replica.kv_tokens // block * block
    for read, written in zip(
        requests.input_tokens,
        requests.output_tokens,
        strict=True,
    ):
        if min(read, written) < 1 or (
            read + written > most
        ):
            raise ValueError(
                f"{read} tokens in, {written} out: "
                "at least one each, and together "
                f"at most {most}"
            )
    run = _Run(replica, requests)
    while run.left:
        run.advance()
    return Served(
        run.admitted,
        run.first,
        run.finished,
        run.preemptions,
        run.sequence_s,
        run.least,
    )


# --8<-- [end:simulate]
