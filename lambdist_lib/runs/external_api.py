"""A file through any API of the original's form, also one that this project did not deploy.

Each datapoint is one `POST {"data": "…"}`. Behind such an API is no table that we may read: the
run closes when every datapoint is accepted, rejected or given up, and its journal is the truth.
What may have been accepted counts as `unknown`, and a `resume` sends it again.

    results/<id>/runs/<id>-url/   run.json  journal  receipts.csv  outputs.jsonl
"""

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lambdist_lib import paths
from lambdist_lib.cloud.api import Api, ApiKey
from lambdist_lib.data import files as data_files
from lambdist_lib.data.datapoints import Datapoints, Line
from lambdist_lib.errors import RunError, UsageError
from lambdist_lib.protocol.contract import DATAPOINT_CEILING_CHARS
from lambdist_lib.results import files, folders, journal
from lambdist_lib.runs.monitor import Monitor, Watch
from lambdist_lib.submission import client
from lambdist_lib.submission.http import Timeouts
from lambdist_lib.submission.receipts import Receipt, SendOptions

ARM = "url"
SETTLED = ("accepted", "rejected")  # verdicts that no resume asks for again


def submit_to_url(
    url: str,
    *,
    data: str,
    api_key_env: str = "",
    experiment_id: str = "",
    timeout_s: float = 60.0,
    watch: Watch | None = None,
    **plan: Any,
) -> dict[str, Any]:
    """Send a file; returns the run's row: its counts, `makespan_s` to the last answer, its folder.

    Args:
        url: Where to POST; it is kept in the run's folder.
        data: Path of the data file; `-` for standard input.
        api_key_env: Name of the environment variable with the key; "" for an API without keys.
        timeout_s: Of one request.
        plan: Other fields of `Plan`.

    Raises:
        UsageError: The URL, the key or the plan is none.
        RunError: There is such a run already.
        KeyboardInterrupt: What was answered is in the folder; `resume` finishes the run.
    """
    api, intended = api_of(url, api_key_env), _plan(timeout_s, plan)
    run_id = folders.checked_id(experiment_id or folders.new_id(data))
    experiment = paths.RESULTS / run_id
    points = _read(folders.data_file(data, experiment))
    folder = experiment / "runs" / f"{run_id}-{ARM}"
    if (folder / "run.json").exists():
        raise RunError(f"there is a run {folder.name} already; `lambdist resume {folder.name}` finishes it")
    folder.mkdir(parents=True, exist_ok=True)
    facts = {
        "experiment_id": run_id,
        "run_id": folder.name,
        "arm": ARM,
        "target": f"API at {urlsplit(url).hostname}",
        "url": url,
        "api_key_env": api_key_env,
        "timeout_s": timeout_s,
        "plan": plan,
        "data": points.name,
        "sha256": points.sha256,
        "resumed": False,
    }
    return _complete(api, intended, points, points, folder, facts, watch)


def resume(folder: Path, *, data: str = "", watch: Watch | None = None) -> dict[str, Any]:
    """Send what was neither accepted nor rejected; returns the row. A finished run is left as it is.

    Raises:
        RunError: The data file is not the one that the run began with.
        UsageError: The environment has no key any more.
    """
    facts = folders.read_facts(folder)
    if facts["state"] == "collected" and not (facts["unsent"] or facts["unknown"]):
        return facts
    points = _read(data or folders.spooled(folder) or facts["data"])
    if points.sha256 != facts["sha256"]:
        raise RunError(f"{points.name} is not the file that {folder.name} began with; put that one back")
    api, plan = api_of(facts["url"], facts["api_key_env"]), _plan(facts["timeout_s"], facts["plan"])
    done = bytearray(points.next_n)  # a set of a million numbers would take sixty times the memory
    if (folder / "journal").exists():
        for row in journal.read(folder / "journal"):
            if row["verdict"] in SETTLED:
                done[row["n"]] = 1
    left = (line for line in points if not done[line.n])
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


def _plan(timeout_s: float, others: dict[str, Any]) -> SendOptions:
    return SendOptions(plain=True, timeouts=Timeouts(request_s=timeout_s), **others)


def _read(data: str | Path) -> Datapoints:
    return data_files.read(data, max_chars=DATAPOINT_CEILING_CHARS)


def _complete(
    api: Api,
    plan: SendOptions,
    points: Datapoints,
    lines: Iterable[Line],
    folder: Path,
    facts: dict[str, Any],
    watch: Watch | None,
) -> dict[str, Any]:
    files.write_json(folder / "run.json", {**facts, "state": "submitting"})

    with folders.resumable(folder), Monitor(watch, submitted=points.submitted) as watching:
        with journal.Journal(folder / "journal", Receipt._fields) as kept:
            tally = client.submit(
                lines, api, plan, run_id=folder.name, keep=kept.append, watch=watching.sending
            )
        watching.collecting()
        with files.table(folder, "receipts") as file:
            last = journal.copy(folder / "journal", file, settled="accepted")
        counts = _write_answers(folder, points, last)
    took_s = (tally.last_answered_at or 0.0) - (tally.first_intended_at or 0.0)
    outcome = {
        "stopped": tally.stopped,
        "submitted": points.submitted,
        **counts,
        "makespan_s": max(0.0, took_s),
    }
    row = {**facts, **outcome, "state": "collected", "folder": paths.shown(folder)}
    files.write_json(folder / "run.json", row)
    return row


def _write_answers(folder: Path, points: Datapoints, last: Sequence[int]) -> dict[str, int]:
    """`outputs.jsonl`: what became of each datapoint, in input order; returns the ledger at *accepted*."""
    counts = {"accepted": 0, "rejected": 0, "unsent": 0, "unknown": 0, "in_flight": 0, "lost": 0}
    with (
        files.whole(folder / "outputs.jsonl") as path,
        path.open("w", encoding="utf-8") as file,
        journal.rows_at(folder / "journal") as row_at,
    ):
        for line in points:
            if last[line.n] == journal.SETTLED:
                place = "accepted"
                answer: dict[str, Any] = {"accepted": True}
            else:
                row = row_at(last[line.n])
                place = "unsent" if row["verdict"] == "refused" else row["verdict"]
                answer = {"error": f"{place}: {row['cause']}"}
            counts[place] += 1
            file.write(json.dumps({"n": line.n, "data": line.data, **answer}, ensure_ascii=False) + "\n")
    return counts
