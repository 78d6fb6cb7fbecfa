"""A file through any API of the original's form, also one that this project did not deploy.

Each datapoint is one `POST {"data": "…"}`. Behind such an API is no table that we may read: the
run closes when every datapoint is accepted, rejected or given up, and its journal is the truth.
What may have been accepted counts as `unknown`, and a `resume` sends it again.

    results/<id>/runs/<id>-url/   run.json  journal  receipts.csv  outputs.jsonl
"""

import csv
import gzip
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lambdist_lib import datapoints, folders, journal, project, records, submission
from lambdist_lib.conditions import data_file
from lambdist_lib.contract import DATAPOINT_CEILING_CHARS
from lambdist_lib.datapoints import Datapoints, Line
from lambdist_lib.errors import RunError, UsageError
from lambdist_lib.receipts import Plan, Receipt, Tally
from lambdist_lib.targets import Api, ApiKey

ARM = "url"
SPOOLED = "input.txt"  # what came from standard input, in the experiment's folder
SETTLED = ("accepted", "rejected")  # verdicts that no resume asks for again

Watch = Callable[[str], None]


def submit(
    url: str,
    *,
    data: str,
    api_key_env: str = "",
    experiment_id: str = "",
    watch: Watch = lambda text: None,
    **plan: Any,
) -> dict[str, Any]:
    """Send a file; returns the run's row: its counts, `makespan_s` to the last answer, its folder.

    Args:
        url: Where to POST; it is kept in the run's folder.
        data: Path of the data file; `-` for standard input.
        api_key_env: Name of the environment variable with the key; "" for an API without keys.
        plan: Fields of `Plan`.

    Raises:
        UsageError: The URL, the key or the plan is none.
        RunError: There is such a run already.
        KeyboardInterrupt: What was answered is in the folder; `resume` finishes the run.
    """
    api, intended = api_of(url, api_key_env), Plan(plain=True, **plan)
    run_id = folders.checked_id(experiment_id or folders.new_id(data))
    experiment = project.RESULTS / run_id
    points = _read(data_file(data, experiment))
    folder = experiment / "runs" / f"{run_id}-{ARM}"
    if folder.exists():
        raise RunError(f"there is a run {folder.name} already; `lambdist resume {folder.name}` finishes it")
    folder.mkdir(parents=True)
    facts = {
        "experiment_id": run_id,
        "run_id": folder.name,
        "arm": ARM,
        "target": f"API at {urlsplit(url).hostname}",
        "url": url,
        "api_key_env": api_key_env,
        "plan": plan,
        "data": points.name,
        "sha256": points.sha256,
        "resumed": False,
    }
    return _complete(api, intended, points, points, folder, facts, watch)


def resume(folder: Path, *, data: str = "", watch: Watch = lambda text: None) -> dict[str, Any]:
    """Send what was neither accepted nor rejected; returns the row. A finished run is left as it is.

    Raises:
        RunError: The data file is not the one that the run began with.
        UsageError: The environment has no key any more.
    """
    facts = folders.read_facts(folder)
    if facts["state"] == "collected" and not (facts["unsent"] or facts["unknown"]):
        return facts
    spooled = folder.parents[1] / SPOOLED
    points = _read(data or (spooled if spooled.exists() else facts["data"]))
    if points.sha256 != facts["sha256"]:
        raise RunError(f"{points.name} is not the file that {folder.name} began with; put that one back")
    api, plan = api_of(facts["url"], facts["api_key_env"]), Plan(plain=True, **facts["plan"])
    path = folder / "journal"
    rows = journal.read(path) if path.exists() else iter(())
    done = {row["n"] for row in rows if row["verdict"] in SETTLED}
    left = (line for line in points if line.n not in done)
    return _complete(api, plan, points, left, folder, {**facts, "resumed": True}, watch)


def api_of(url: str, api_key_env: str) -> Api:
    """The API at `url`, with the key that the environment holds under that name.

    Raises:
        UsageError: The URL is none, or has credentials in it; or there is no such key.
    """
    try:
        parts = urlsplit(url)
        well_formed = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        well_formed = False
    if not (well_formed and url.isascii() and url.isprintable() and " " not in url):
        raise UsageError(f"{url!r} is no URL; write http://… or https://…")
    if parts.username is not None:
        raise UsageError("the URL has credentials in it; name an environment variable with --api-key-env")
    key = os.environ.get(api_key_env, "").strip() if api_key_env else ""
    if api_key_env and not key:
        raise UsageError(f"the environment has no key in {api_key_env}; type `export {api_key_env}=…`")
    if not (key.isascii() and key.isprintable()):
        raise UsageError(
            f"what the environment has in {api_key_env} is no key: it has unprintable characters"
        )
    return Api(url=url, key=ApiKey(key))


def _read(data: str | Path) -> Datapoints:
    return datapoints.read(data, max_chars=DATAPOINT_CEILING_CHARS)


def _complete(
    api: Api,
    plan: Plan,
    points: Datapoints,
    lines: Iterable[Line],
    folder: Path,
    facts: dict[str, Any],
    watch: Watch,
) -> dict[str, Any]:
    folders.write_json(folder / "run.json", {**facts, "state": "submitting"})

    def tell(tally: Tally) -> None:
        watch(tally.told(points.submitted))

    with journal.Journal(folder / "journal", Receipt._fields) as kept:
        tally = submission.submit(lines, api, plan, run_id=folder.name, keep=kept.append, watch=tell)
    counts = _write_answers(folder, points)
    _write_receipts(folder)
    took_s = (tally.last_answered_at or 0.0) - (tally.first_intended_at or 0.0)
    outcome = {
        "stopped": tally.stopped,
        "submitted": points.submitted,
        **counts,
        "makespan_s": max(0.0, took_s),
    }
    row = {**facts, **outcome, "state": "collected", "folder": project.shown(folder)}
    folders.write_json(folder / "run.json", row)
    return row


def _write_answers(folder: Path, points: Datapoints) -> dict[str, int]:
    """`outputs.jsonl`: what became of each datapoint, in input order; returns the ledger at *accepted*."""
    others: dict[int, tuple[str, str]] = {}  # few: most are accepted, and a file may be larger than memory
    for row in journal.read(folder / "journal"):
        others[row["n"]] = row["verdict"], row["cause"]
        if row["verdict"] == "accepted":
            del others[row["n"]]
    counts = {"accepted": 0, "rejected": 0, "unsent": 0, "unknown": 0, "in_flight": 0, "lost": 0}
    with (folder / "outputs.jsonl").open("w", encoding="utf-8") as file:
        for line in points:
            verdict, cause = others.get(line.n, ("accepted", ""))
            place = "unsent" if verdict == "refused" else verdict
            counts[place] += 1
            answer = {"accepted": True} if place == "accepted" else {"error": f"{place}: {cause}"}
            file.write(json.dumps({"n": line.n, "data": line.data, **answer}, ensure_ascii=False) + "\n")
    return counts


def _write_receipts(folder: Path) -> None:
    """`receipts.csv`, gzipped where it is large; line by line, as the journal has them."""
    path = folder / "journal"
    large = path.stat().st_size > records.GZIP_OVER_BYTES
    name = folder / ("receipts.csv.gz" if large else "receipts.csv")
    with gzip.open(name, "wt", encoding="utf-8", newline="") if large else name.open("w", newline="") as file:
        writer = csv.DictWriter(file, Receipt._fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows(journal.read(path))
