"""Makes numbers.txt, the same bytes every time: products of two primes, for examples/factor to take apart.

python data/make_numbers.py
"""

import math
import random
from pathlib import Path

SEED = 20261123
COUNT = 64
PRIME_BITS = 35  # by Pollard's rho some 50 ms of one core per product, from 5 to 150 by its luck


def prime(chance: random.Random) -> int:
    """A prime number of PRIME_BITS bits."""
    while True:
        n = chance.getrandbits(PRIME_BITS) | 1 << (PRIME_BITS - 1) | 1
        if all(n % divisor for divisor in range(3, math.isqrt(n) + 1, 2)):
            return n


if __name__ == "__main__":
    chance = random.Random(SEED)
    lines = [f"{prime(chance) * prime(chance)}\n" for _ in range(COUNT)]
    Path(__file__).with_name("numbers.txt").write_text("".join(lines), encoding="utf-8")
