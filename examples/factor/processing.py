"""A job that computes: takes a number apart into its prime factors.

Pollard's rho with Brent's cycle search (BIT 20, 1980), standard library only.
"""

import math
import random

from lambdist_lib import PermanentError

LARGEST_DIGITS = 24  # beyond, a number may take longer than a Lambda has
STEPS_AT_ONCE = 128  # between two greatest common divisors
WITNESSES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)  # decide below 3.3e24 (Sorenson & Webster 2015)


def process(data: str) -> object:
    if not data.isascii() or not data.isdigit() or len(data) > LARGEST_DIGITS or int(data) < 2:
        raise PermanentError(f"{data[:30]!r} is no whole number from 2 to {LARGEST_DIGITS} digits")
    return sorted(factors(int(data)))


def factors(n: int) -> list[int]:
    if n == 1:
        return []
    if is_prime(n):
        return [n]
    divisor = next((small for small in WITNESSES if n % small == 0), 0) or divisor_of(n)
    return factors(divisor) + factors(n // divisor)


def is_prime(n: int) -> bool:
    """Miller-Rabin, certain for numbers of this size."""
    if any(n % witness == 0 for witness in WITNESSES):
        return n in WITNESSES
    twos = (n - 1 & 1 - n).bit_length() - 1
    return all(_passes(n, pow(witness, n - 1 >> twos, n), twos) for witness in WITNESSES)


def _passes(n: int, x: int, twos: int) -> bool:
    if x in (1, n - 1):
        return True
    return any((x := x * x % n) == n - 1 for _ in range(twos - 1))


def divisor_of(n: int) -> int:
    """A divisor of a composite number, neither 1 nor itself."""
    chance = random.Random(n)  # the same number takes the same steps in every run
    while (found := _brent(n, chance.randrange(1, n), chance.randrange(1, n))) == n:
        pass
    return found


def _brent(n: int, y: int, c: int) -> int:
    """A divisor by the cycle of y -> y * y + c modulo n; n itself where this cycle shows none."""
    found, length, product = 1, 1, 1
    while found == 1:
        x, done = y, 0
        for _ in range(length):
            y = (y * y + c) % n
        while done < length and found == 1:
            before = y
            for _ in range(min(STEPS_AT_ONCE, length - done)):
                y = (y * y + c) % n
                product = product * abs(x - y) % n
            found = math.gcd(product, n)
            done += STEPS_AT_ONCE
        length *= 2
    if found == n:  # several divisors at once: the last steps again, one by one
        found = 1
        while found == 1:
            before = (before * before + c) % n
            found = math.gcd(abs(x - before), n)
    return found
