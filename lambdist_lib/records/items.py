"""Read a run's items from the table."""

import heapq
import marshal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.protocol.contract import shard_keys, without_repeats

PAGE_ITEMS = 500  # for each page the local cloud reads all of a shard; a thousand took 50 MB more
QUERIES = 2  # at once: a page takes some MB as boto3 gives it


def items(target: Target, stack: Stack, run_id: str) -> dict[int, dict[str, Any]]:
    """Return a run's items by n, as plain values."""
    return {item["n"]: item for item in items_in_order(target, stack, run_id)}


def items_in_order(target: Target, stack: Stack, run_id: str) -> Iterator[dict[str, Any]]:
    """Yield a run's items by ascending n; two pages of each shard are in memory."""
    dynamodb, table = target.client("dynamodb"), stack.outputs["TableName"]
    with ThreadPoolExecutor(QUERIES) as pool:

        def shard(key: str) -> Iterator[dict[str, Any]]:
            pages = dynamodb.get_paginator("query").paginate(
                TableName=table,
                KeyConditionExpression="run_shard = :key",
                ExpressionAttributeValues={":key": {"S": key}},
                ConsistentRead=True,
                PaginationConfig={"PageSize": PAGE_ITEMS},
            )
            packed_pages = map(_packed_page, pages)
            next_page = pool.submit(next, packed_pages, None)
            yield {}  # starts the queries of all shards before waiting for one
            while (page := next_page.result()) is not None:
                next_page = pool.submit(next, packed_pages, None)
                yield from map(marshal.loads, page)

        shards = [shard(key) for key in shard_keys(run_id)]
        for begun in shards:
            next(begun)
        yield from heapq.merge(*shards, key=lambda item: item["n"])


def _packed_page(page: dict[str, Any]) -> list[bytes]:
    """Return the items as plain values, packed: two pages of each shard wait, and dicts take six times it."""
    return [
        marshal.dumps({name: value["S"] if "S" in value else plain(value) for name, value in item.items()})
        for item in page["Items"]
    ]


def plain(value: dict[str, Any]) -> Any:
    """Convert a DynamoDB value to Python; whole numbers become int, others float; lists hold a history."""
    [(kind, content)] = value.items()
    if kind == "N":
        return int(content) if content.lstrip("-").isdecimal() else float(content)
    if kind == "L":
        return [plain(entry) for entry in without_repeats(content)]
    if kind == "M":
        return {name: plain(element) for name, element in content.items()}
    return content
