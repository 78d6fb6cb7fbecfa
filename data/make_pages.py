"""Makes pages/ and pages.txt, the same bytes every time: a made-up shop's pages, for examples/pages to read.

    python data/make_pages.py

The pages go into a bucket; pages.txt says where each of them is to be found there.
"""

import random
from pathlib import Path

SEED = 20261123
COUNT = 64
BUCKET = "lambdist-pages"
SYLLABLES = ["ba", "do", "fi", "ga", "lu", "mo", "ne", "pa", "ri", "so", "ta", "vu"]
KINDS = ["lamp", "chair", "kettle", "clock", "basket", "mirror", "shelf", "rug"]
STOCK = ["in stock", "in stock", "in stock", "sold out"]
REVIEW = '<div class="review" data-stars="{}"><p>{}</div>'


def word(chance: random.Random) -> str:
    return "".join(chance.choices(SYLLABLES, k=chance.randint(2, 4)))


def page(chance: random.Random, number: int) -> str:
    """A page as shops have them: most of it is not what one came for."""
    name = f"{word(chance).capitalize()} {chance.choice(KINDS)}"
    price = f"{chance.randint(5, 400)}.{chance.choice(['00', '50', '95'])}"
    links = "".join(f'<li><a href="/{word(chance)}">{word(chance)}</a>' for _ in range(chance.randint(5, 15)))
    reviews = "".join(
        REVIEW.format(chance.randint(1, 5), " ".join(word(chance) for _ in range(20)))
        for _ in range(chance.randint(0, 12))
    )
    return f"""<!DOCTYPE html>
<html lang="en"><head><title>{name} | no. {number}</title><meta charset="utf-8"></head>
<body><nav><ul>{links}</ul></nav>
<main itemscope><h1>{name}</h1>
<p>A <em>{word(chance)}</em> &amp; rather {word(chance)} thing.
<p class="price">&euro;&nbsp;<b itemprop="price">{price}</b> <span class="stock">{chance.choice(STOCK)}</span>
<section>{reviews}</section></main>
<script>track("{word(chance)}")</script></body></html>
"""


if __name__ == "__main__":
    chance, here = random.Random(SEED), Path(__file__).parent
    (here / "pages").mkdir(exist_ok=True)
    for number in range(COUNT):
        (here / "pages" / f"{number:03}.html").write_text(page(chance, number), encoding="utf-8")
    places = "".join(f"s3://{BUCKET}/{number:03}.html\n" for number in range(COUNT))
    (here / "pages.txt").write_text(places, encoding="utf-8")
