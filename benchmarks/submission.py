"""The bounds of the submission engine beside its peers, ratios in one run.

    python benchmarks/submission.py            about five minutes, prints a Markdown table
    python benchmarks/submission.py --quick    about three minutes: three rounds of each, memory of 10^5

The stub is nginx with the echo module, one worker on loopback: `apt-get install nginx
libnginx-mod-http-echo wrk`. Rounds of the peers alternate, and each figure is the median over
them, so that what else runs on the machine strikes all alike. Exit status 1: a bound does not hold;
`README.md` beside this says which do not, and why.
"""

import argparse
import contextlib
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bounds import NOT_MEASURED, Bounds

HERE = Path(__file__).parent
LATENCY_S = 0.05
MODULES = [Path("/usr/lib/nginx/modules"), Path("/usr/share/nginx/modules"), Path("/usr/lib64/nginx/modules")]
MODULE = "ngx_http_echo_module.so"
NEEDED = "apt-get install nginx libnginx-mod-http-echo wrk"
OURS, FORKED, SPAWNED = "lambdist", "process pool, forked", "process pool, spawned"
THREADS, AIOHTTP, BARE, WRK = "threads + requests.Session", "aiohttp", "http.client", "wrk"
WRK_SCRIPT = """wrk.method = "POST"
wrk.body = '{"run_id": "benchmark", "datapoints": [{"n": 0, "data": "word-0"}]}'
wrk.headers["Content-Type"] = "application/json"
"""

Figures = dict[str, float]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="three rounds of each, and fewer datapoints in memory"
    )
    parser.add_argument("--rounds", type=int, default=5, help="of each comparison (default 5)")
    options = parser.parse_args()
    rounds = 3 if options.quick else options.rounds
    print(f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, Python {platform.python_version()}, "
          f"rounds: {rounds}, load at the beginning: {os.getloadavg()[0]:.1f}\n")  # fmt: skip
    with stub() as base:
        hundred = compare([OURS, FORKED, THREADS, AIOHTTP, WRK], f"{base}/slow", 100, 3_000, rounds)
        hundred |= compare([SPAWNED], f"{base}/slow", 100, 3_000, 1)
        thousand = compare([OURS, AIOHTTP, WRK], f"{base}/slow", 1_000, 20_000, rounds)
        thousand |= compare([FORKED], f"{base}/slow", 1_000, 20_000, 1)
        one = compare([OURS, BARE], f"{base}/slow", 1, 100, rounds)
        at_once = compare([OURS, BARE], f"{base}/fast", 1, 5_000, rounds)
        many = 100_000 if options.quick else 1_000_000
        memory = compare([OURS], f"{base}/fast", 100, many, 1)[OURS]
    return report(hundred, thousand, one, at_once, memory, many)


def report(
    hundred: dict[str, Figures],
    thousand: dict[str, Figures],
    one: dict[str, Figures],
    at_once: dict[str, Figures],
    memory: Figures,
    many: int,
) -> int:
    """Print both tables; returns the exit status."""
    for title, figures in (("100 chunks, 3,000", hundred), ("1,000 chunks, 20,000", thousand)):
        print(f"| {title} datapoints | requests/s | CPU ms per 1,000 |\n| --- | ---: | ---: |")
        for name, peer_figures in figures.items():
            shown = f"{peer_figures['cpu_ms']:.0f}" if "cpu_ms" in peer_figures else ""
            print(f"| {name} | {peer_figures['rate']:,.0f} | {shown} |")
        print()
    bare_us, ours_us = (1e6 / at_once[name]["rate"] for name in (BARE, OURS))
    bounds, spare = Bounds(), f"the same, no wait ({ours_us:.0f} and {bare_us:.0f} us)"
    of_ideal, of_aiohttp = rate(hundred) * LATENCY_S / 100, cpu(hundred) / cpu(hundred, AIOHTTP)
    forked, spawned = (rate(hundred) / rate(hundred, name) for name in (FORKED, SPAWNED))
    bounds.row("client, 100 senders: share of the ideal N / latency", of_ideal, ">= 0.9")
    bounds.row("the same: rate over a forked pool's, of which the ideal is 1.8", forked, ">= 1.5")
    bounds.row("the same: a forked pool's CPU over ours", cpu(hundred, FORKED) / cpu(hundred), ">= 10")
    bounds.row("the same: rate over a spawned pool's, with its start", spawned, ">= 5")
    bounds.row("the same: CPU over aiohttp's", of_aiohttp, "<= 0.45")
    bounds.row("client, 1,000 senders: requests", rate(thousand), unit="/s")
    bounds.row("the same: rate over aiohttp's", rate(thousand) / rate(thousand, AIOHTTP), ">= 2")
    bounds.row("the same: rate over a forked pool's", rate(thousand) / rate(thousand, FORKED), ">= 10")
    bounds.row("the same: CPU over aiohttp's", cpu(thousand) / cpu(thousand, AIOHTTP), "<= 0.4")
    bounds.row("client, 1 sender: latency over a bare loop's, 50 ms", rate(one, BARE) / rate(one), "<= 1.05")
    bounds.row(spare, ours_us / bare_us)
    bounds.row(f"client: peak for {many:,} datapoints streamed", memory["peak_mib"], "<= 300", "MiB")
    if WRK in thousand:
        of_core, of_wrk = 1e6 / cpu(thousand), rate(thousand, WRK)
        bounds.row("client, 1,000 senders: rate over wrk's", rate(thousand) / of_wrk)
        least = f"the same: rate over the lesser of wrk's and {of_core:,.0f}/s, which one core allows"
        bounds.row(least, rate(thousand) / min(of_core, of_wrk), ">= 0.9")
    return bounds.status


def rate(figures: dict[str, Figures], name: str = OURS) -> float:
    return figures[name]["rate"]


def cpu(figures: dict[str, Figures], name: str = OURS) -> float:
    return figures[name]["cpu_ms"]


def compare(names: list[str], url: str, chunks: int, count: int, rounds: int) -> dict[str, Figures]:
    """Median figures of each peer over rounds that alternate."""
    found: dict[str, list[Figures]] = {name: [] for name in names if name != WRK or shutil.which("wrk")}
    for _ in range(rounds):
        for name, figures in found.items():
            figures.append(wrk(url, chunks) if name == WRK else peer(name, url, chunks, count))
    return {
        name: {key: statistics.median(one[key] for one in figures) for key in figures[0]}
        for name, figures in found.items()
    }


def peer(name: str, url: str, chunks: int, count: int) -> Figures:
    """One round in a process of its own."""
    command = [sys.executable, str(HERE / "peers.py"), name, url, str(chunks), str(count)]
    took = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    rate, cpu_ms = count / took["makespan_s"], took["cpu_s"] / count * 1e6
    return {"chunks": chunks, "rate": rate, "cpu_ms": cpu_ms, "peak_mib": took["peak_mib"]}


def wrk(url: str, chunks: int, *, seconds: int = 3) -> Figures:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(WRK_SCRIPT)
        script.flush()
        command = ["wrk", "-t1", f"-c{chunks}", f"-d{seconds}s", "-s", script.name, url]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {"rate": float(text.partition("Requests/sec:")[2].split()[0])}


@contextlib.contextmanager
def stub() -> Iterator[str]:
    """nginx on a free port, in a folder that goes with it; gives its URL."""
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    beside = [Path(nginx).parents[1] / "lib/nginx/modules"] if nginx else []  # unpacked somewhere
    modules = next(
        (path for path in (*beside, *MODULES) if (path / "ngx_http_echo_module.so").exists()), None
    )
    if not modules or not nginx:
        print(f"the stub is nginx with its echo module; type `{NEEDED}`")
        raise SystemExit(NOT_MEASURED)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        text = (HERE / "nginx.conf").read_text(encoding="utf-8")
        for name, value in {"MODULES": modules, "PORT": port, "LATENCY": LATENCY_S}.items():
            text = text.replace(name, str(value))
        path = Path(folder) / "nginx.conf"
        path.write_text(text, encoding="utf-8")
        server = subprocess.Popen([nginx, "-p", folder, "-c", path, "-e", "stderr"])
        try:
            _await(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait()


def _await(port: int) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise SystemExit("nginx does not answer; see its message above")


if __name__ == "__main__":
    sys.exit(main())
