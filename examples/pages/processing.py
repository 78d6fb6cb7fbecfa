"""A job that waits: fetches a page from S3 and reads a shop's offer out of it.

A datapoint is the page's place, s3://BUCKET/KEY. On AWS the function needs s3:GetObject there.
"""

import re

import boto3
from botocore.exceptions import ClientError
from selectolax.lexbor import LexborHTMLParser

from lambdist_lib import PermanentError

PLACE = re.compile(r"s3://([a-z0-9.-]+)/(.+)")
GONE = {"NoSuchKey", "NoSuchBucket", "AccessDenied"}  # no later try will find it

s3 = boto3.client("s3")  # once per environment: a connection that all its datapoints share


def process(data: str) -> object:
    place = PLACE.fullmatch(data)
    if not place:
        raise PermanentError(f"{data[:80]!r} is no s3://BUCKET/KEY")
    try:
        page = s3.get_object(Bucket=place[1], Key=place[2])["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in GONE:
            raise PermanentError(str(error)) from error
        raise
    return offer(page)


def offer(page: bytes) -> dict[str, object]:
    """Name, price, stock and mean stars of a page.

    Raises:
        PermanentError: It is no page of an offer.
    """
    tree = LexborHTMLParser(page)
    name, price = tree.css_first("h1"), tree.css_first("[itemprop=price]")
    if name is None or price is None:
        raise PermanentError("the page has no offer")
    stock = tree.css_first(".stock")
    stars = [int(review.attributes["data-stars"] or 0) for review in tree.css(".review[data-stars]")]
    return {
        "name": name.text(),
        "price_eur": float(price.text()),
        "in_stock": stock is not None and stock.text() == "in stock",
        "stars": round(sum(stars) / len(stars), 1) if stars else None,
    }
