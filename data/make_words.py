"""Makes words-1000.txt, words-10000.txt and nasty.txt, the same bytes every time:

    python data/make_words.py

`words.txt` is written by hand.
"""

import random
from pathlib import Path

SEED = 20261123
CONSONANTS, VOWELS, ENDINGS = "bdfgklmnprstv", "aeiou", ["", "", "", "n", "r", "s", "l", "té", "ño", "üm"]

GOOD = [  # datapoints that break naive clients and handlers, and must arrive as they are
    'she said "no"',
    "it's",
    r"C:\temp\new",
    r"\u0041 \n \" \\",
    "tab\there",
    "\tleading tab",
    "  spaces at both ends  ",
    '{"data": "word", "n": 1}',
    '"},{"n":9,"data":"x"}',
    "null",
    "NaN",
    "0",
    "-0.0",
    "1e400",
    "true",
    "Robert'); DROP TABLE words;--",
    "<script>alert(1)</script>",
    "${HOME} $(id) `id` %s {0} {{x}}",
    "../../etc/passwd",
    "=1+1",
    "a,b;c|d",
    "# not a comment",
    "none",
    "Zoë naïve São Tomé",
    "e\u0301 is \u00e9",  # combining and composed
    "z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324",  # a pile of marks
    "漢字と仮名",
    "한국어",
    "\u0440\u0443\u0441\u0441\u043a\u0438\u0439",
    "שלום עולם",
    "مرحبا بالعالم",
    "\u202eright to left override\u202c",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",  # one family of seven code points
    "\U0001f3f3\ufe0f\u200d\U0001f308\U0001f1e7\U0001f1f7\U0001f44d\U0001f3fd",  # flags and a skin tone
    "\U0001d54a\U0001d566 surrogate pairs in UTF-16",
    "no\u00a0break\u200bzero width\u00adsoft hyphen",
    "\ufeffa mark inside the file",
    "nonchar \ufffe\uffff\U0010ffff",
    "private \ue000",
    "x" * 1024,
    "é" * 1024,
    "👍" * 1024,
]
BAD = [  # rejected by the datapoint rule
    "x" * 1025,
    "👍" * 1025,
    "long " * 2_000,
    "nul \x00 byte",
    "bell \x07",
    "escape \x1b[31mred",
    "delete \x7f",
    "next line \x85",
    "line separator \u2028 here",
    "paragraph separator \u2029 here",
    "carriage \r return",
    "vertical \x0b tab, form \x0c feed",
]
BLANK = ["", " ", "\t \t", "\u3000"]


def words(count: int) -> bytes:
    """`count` made-up words, one a line; some are numbers or hyphenated, and words may repeat."""
    chance = random.Random(SEED)
    return "".join(f"{_word(chance)}\n" for _ in range(count)).encode()


def _word(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.03:
        return f"{chance.uniform(-100, 100):.2f}"
    syllables = [chance.choice(CONSONANTS) + chance.choice(VOWELS) for _ in range(chance.randint(1, 4))]
    word = "".join(syllables) + chance.choice(ENDINGS)
    return f"{word}-{_word(chance)}" if kind < 0.06 else word


def nasty() -> bytes:
    """A byte order mark, mixed line ends, blanks between, none at the end of the last line."""
    lines = [*GOOD, *BLANK, *BAD, *BLANK, "the last line, without an end"]
    ends = ["\n", "\r\n", "\n"]
    text = "".join(line + ends[n % len(ends)] for n, line in enumerate(lines[:-1])) + lines[-1]
    return b"\xef\xbb\xbf" + text.encode()


FILES = {
    "words-1000.txt": lambda: words(1_000),
    "words-10000.txt": lambda: words(10_000),
    "nasty.txt": nasty,
}

if __name__ == "__main__":
    for name, made in FILES.items():
        Path(__file__).with_name(name).write_bytes(made())
