"""Ways to send N datapoints from `chunks` senders, each run by `submission.py` in a process of its own.

    python benchmarks/peers.py NAME URL CHUNKS COUNT      prints what it took, as JSON

Each sends the same bodies to the same stub; only `lambdist` writes receipts and a journal.
"""

import asyncio
import functools
import http.client
import json
import multiprocessing
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

HEADERS = {"Content-Type": "application/json", "x-api-key": "none"}


def body(n: int) -> bytes:
    return json.dumps({"run_id": "benchmark", "datapoints": [{"n": n, "data": f"word-{n}"}]}).encode()


def lambdist(url: str, chunks: int, count: int) -> dict[str, float]:
    """This project's engine with its receipts and its journal on disk, as a run uses them."""
    from lambdist_lib.cloud.api import Api, ApiKey
    from lambdist_lib.data.datapoints import Line
    from lambdist_lib.results import journal
    from lambdist_lib.submission import client
    from lambdist_lib.submission.receipts import Receipt, SendOptions

    lines = (Line(n, f"word-{n}") for n in range(count))
    with (
        tempfile.TemporaryDirectory() as folder,
        journal.Journal(Path(folder) / "journal", Receipt._fields) as kept,
    ):
        api, plan = Api(url=url, key=ApiKey("none")), SendOptions(chunks=chunks)
        counts = client.submit(lines, api, plan, run_id="benchmark", keep=kept.append)
    assert counts.accepted == count, counts
    assert counts.last_answered_at and counts.first_intended_at
    return {"makespan_s": counts.last_answered_at - counts.first_intended_at}


def _post_once(url: str, n: int) -> tuple[float, float]:
    import requests

    began_at = time.time()
    answer = requests.post(url, data=body(n), headers=HEADERS)
    assert answer.status_code == 200
    return began_at, time.time()


def forked(url: str, chunks: int, count: int) -> dict[str, float]:
    """The original's pattern as Linux runs it: a process pool, a new connection for each datapoint.

    All processes are up, with everything imported, before the clock starts.
    """
    import requests  # noqa: F401 - once, before the fork

    with multiprocessing.get_context("fork").Pool(chunks) as processes:
        processes.map(time.sleep, [0.05] * chunks, chunksize=1)
        stamps = list(processes.imap_unordered(functools.partial(_post_once, url), range(count)))
    return {"makespan_s": max(end for _, end in stamps) - min(begin for begin, _ in stamps)}


def spawned(url: str, chunks: int, count: int) -> dict[str, float]:
    """The same as macOS and Windows run it: each process imports again. With the start of the pool."""
    began_at = time.time()
    with multiprocessing.get_context("spawn").Pool(chunks) as processes:
        stamps = list(processes.imap_unordered(functools.partial(_post_once, url), range(count)))
    return {"makespan_s": max(end for _, end in stamps) - began_at}


def threads(url: str, chunks: int, count: int) -> dict[str, float]:
    """A `requests.Session` for each of as many threads as there are senders."""
    import requests

    numbers, lock = iter(range(count)), threading.Lock()

    def send() -> None:
        with requests.Session() as session:
            while True:
                with lock:
                    n = next(numbers, None)
                if n is None:
                    return
                assert session.post(url, data=body(n), headers=HEADERS).status_code == 200

    senders = [threading.Thread(target=send) for _ in range(chunks)]
    began_s = time.perf_counter()
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    return {"makespan_s": time.perf_counter() - began_s}


def aiohttp(url: str, chunks: int, count: int) -> dict[str, float]:
    """As many tasks as there are senders over one `aiohttp.ClientSession`; answers are parsed."""
    import aiohttp

    async def send(session: aiohttp.ClientSession, numbers: Iterator[int]) -> None:
        for n in numbers:
            async with session.post(url, data=body(n), headers=HEADERS) as answer:
                assert (await answer.json())["accepted"] == [n]

    async def send_all() -> float:
        connector = aiohttp.TCPConnector(limit=chunks)
        async with aiohttp.ClientSession(connector=connector) as session:
            numbers, began_s = iter(range(count)), time.perf_counter()
            await asyncio.gather(*[send(session, numbers) for _ in range(chunks)])
            return time.perf_counter() - began_s

    return {"makespan_s": asyncio.run(send_all())}


def bare(url: str, chunks: int, count: int) -> dict[str, float]:
    """A plain loop over one kept connection of the standard library."""
    assert chunks == 1
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    began_s = time.perf_counter()
    for n in range(count):
        connection.request("POST", parts.path, body(n), HEADERS)
        answer = connection.getresponse()
        assert json.loads(answer.read())["accepted"] == [n]
    makespan_s = time.perf_counter() - began_s
    connection.close()
    return {"makespan_s": makespan_s}


PEERS: dict[str, Callable[[str, int, int], dict[str, float]]] = {
    "lambdist": lambdist,
    "process pool, forked": forked,
    "process pool, spawned": spawned,
    "threads + requests.Session": threads,
    "aiohttp": aiohttp,
    "http.client": bare,
}


def measured(name: str, url: str, chunks: int, count: int) -> dict[str, float]:
    """What a peer takes after one datapoint that nobody counts: imports are no part of sending."""
    PEERS[name](url, 1, 1)
    before_s = _cpu_s()
    took = PEERS[name](url, chunks, count)
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {**took, "cpu_s": _cpu_s() - before_s, "peak_mib": peak_kib / 1024}


def _cpu_s() -> float:
    """Of this process and of the children it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    name, url, chunks, count = sys.argv[1:]
    print(json.dumps(measured(name, url, int(chunks), int(count))))
