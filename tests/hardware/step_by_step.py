"""The engine again, one step after the other and one sequence after the other: slow, and easy to believe."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil

from snippets.hardware.replica import Replica
from snippets.hardware.simulator import Requests


@dataclass
class One:
    arrival: float
    prompt: int
    output: int
    written: int = 0
    read: int = 0  # tokens whose keys and values are in memory
    blocks: int = 0
    writes: bool = False
    admitted: float = -1.0
    first: float = -1.0
    finished: float = -1.0

    @property
    def to_read(self) -> int:
        return self.prompt + self.written


@dataclass
class House:
    free: int
    waiting: list[One] = field(default_factory=list)
    running: list[One] = field(default_factory=list)
    preemptions: int = 0


def _preempt(house: House) -> None:
    last = house.running.pop()
    # What it wrote is read again; the last token has no keys and values yet.
    house.free += last.blocks
    last.read = last.blocks = 0
    last.writes = False
    house.waiting.insert(0, last)
    house.preemptions += 1


def _writers(house: House) -> list[One]:
    return [one for one in house.running if one.writes]


def _admit(house: House, replica: Replica, now: float, chunks: list[tuple[One, int]], room: int) -> None:
    block = replica.block_tokens
    while room and house.waiting and len(house.running) < replica.max_sequences:
        one = house.waiting[0]
        blocks = ceil(one.to_read / block)
        ends = sum(ceil((each.prompt + each.output) / block) for each in (*house.running, one))
        if blocks > house.free or (replica.reserves_output and ends > replica.kv_tokens // block):
            break
        house.running.append(house.waiting.pop(0))
        house.free -= blocks
        one.blocks = blocks
        if one.admitted < 0:
            one.admitted = now
        chunks.append((one, min(one.to_read, room)))
        room -= chunks[-1][1]


def serve_step_by_step(replica: Replica, requests: Requests) -> tuple[list[One], int]:
    """Serve with one pass of a plain loop a step; the requests, and the preemptions."""
    block, step = replica.block_tokens, replica.step
    house = House(replica.kv_tokens // block)
    every = [One(*each) for each in zip(*requests, strict=True)]
    coming = list(every)
    now = 0.0
    while any(one.finished < 0 for one in every):
        if not house.waiting + house.running:
            now = max(now, coming[0].arrival)
        while coming and coming[0].arrival <= now:
            house.waiting.append(coming.pop(0))
        blocked = False
        while sum(one.read % block == 0 for one in _writers(house)) > house.free:
            _preempt(house)
            blocked = True
        writers = _writers(house)
        for one in writers:
            if one.read % block == 0:
                one.blocks += 1
                house.free -= 1
            one.read += 1
        room = replica.max_batched_tokens - len(writers)
        chunks = [(one, min(one.to_read - one.read, room)) for one in house.running if not one.writes]
        room -= sum(count for _, count in chunks)  # one at most is half read
        if not blocked:
            _admit(house, replica, now, chunks, room)
        tokens = len(writers) + sum(count for _, count in chunks)
        now += step.tokens_s(tokens) + step.context_token_s * sum(one.read for one in writers)
        now += step.pair_s * sum(count * (one.read + count / 2) for one, count in chunks)
        for one, count in chunks:
            one.read += count
        for one in (*writers, *(one for one, count in chunks if count and one.read == one.to_read)):
            one.writes = True
            one.written += 1
            if one.first < 0:
                one.first = now
            if one.written == one.output:
                one.finished = now
                house.running.remove(one)
                house.free += one.blocks
    return every, house.preemptions
