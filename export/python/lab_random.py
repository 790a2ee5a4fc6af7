"""The lab's seeded numbers: equal seeds give equal draws in the browser and here."""

import math
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar('T')

_MASK = 0xFFFFFFFF


class SeededRandom:
    """A stream of uniform numbers in [0, 1): xoroshiro128+ on halves of 32 bits, seeded by FNV-1a over the seed and the stream's name."""

    def __init__(self, seed: int, stream: str = '') -> None:
        mixed = 0x811C9DC5
        for character in f'{seed}/{stream}':
            mixed = ((mixed ^ ord(character)) * 0x01000193) & _MASK
        self.state = [_MASK, ~mixed & _MASK, mixed, 0]
        for _ in range(16):  # its first numbers are close to the seed itself
            self._next()

    @classmethod
    def resumed(cls, state: Sequence[int]) -> 'SeededRandom':
        """The rest of the stream that stood at `state`."""
        stream = cls.__new__(cls)
        stream.state = list(state)
        return stream

    def _next(self) -> int:
        s01, s00, s11, s10 = self.state
        a0, a1 = s10 ^ s00, s11 ^ s01
        self.state = [
            ((s01 << 24) & _MASK) ^ (s00 >> 8) ^ a1 ^ ((a1 << 16) & _MASK | a0 >> 16),
            ((s00 << 24) & _MASK) ^ (s01 >> 8) ^ a0 ^ ((a0 << 16) & _MASK),
            ((a0 << 5) & _MASK) ^ (a1 >> 27),
            ((a1 << 5) & _MASK) ^ (a0 >> 27),
        ]
        return (s00 + s10) & _MASK

    def __call__(self) -> float:
        high = self._next()
        return (high * 2**21 + (self._next() >> 11)) / 2**53


def sample_without_replacement(random: SeededRandom, items: Sequence[T], count: int) -> list[T]:
    """`count` different items in random order, all of them where there are fewer."""
    pool = list(items)
    taken = min(count, len(pool))
    for i in range(taken):
        j = i + math.floor(random() * (len(pool) - i))
        pool[i], pool[j] = pool[j], pool[i]
    return pool[:taken]
