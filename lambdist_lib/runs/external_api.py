"""Send a file through any API that takes the original's requests, also one deployed by others.

Each datapoint is one `POST {"data": "…"}`. Behind such an API is no table that we may read: the
run closes when every datapoint is accepted, rejected or given up, and its journal is the truth.
What may have been accepted counts as `unknown`, and a `resume` sends it again.

    results/<id>/runs/<id>-url/   run.json  journal  receipts.csv  outputs.jsonl
"""

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from lambdist_lib import paths
from lambdist_lib.cloud import locks
from lambdist_lib.cloud.api import Api, ApiKey
from lambdist_lib.data import files as data_files
from lambdist_lib.data.datapoints import Datapoints, Line
from lambdist_lib.errors import RunError, UsageError
from lambdist_lib.protocol.contract import DATAPOINT_CEILING_CHARS
from lambdist_lib.results import closing, files, folders, journal
from lambdist_lib.runs.monitor import Monitor, Watch
from lambdist_lib.runs.run_info import RunInfo
from lambdist_lib.submission import client
from lambdist_lib.submission.http import Timeouts
from lambdist_lib.submission.receipts import NOT_ACCEPTED, Receipt, SendOptions

ARM = "url"
HEADER = re.compile(  # of --header; the prefix is a scheme such as Bearer, not a value
    r"(?P<name>[A-Za-z0-9!#$%&'*+.^_`|~-]+):\s*(?P<prefix>(?:[A-Za-z-]+ )?)env:(?P<variable>[A-Za-z_]\w*)"
)
SECRET = re.compile(r"(?i)key|token|secret|sig$|signature|passw|^code$|auth|credential")
SETTLED = ("accepted", "rejected")  # verdicts that no resume asks for again


def submit_to_url(
    url: str,
    *,
    data: str,
    api_key_env: str = "",
    headers: Sequence[str] = (),
    experiment_id: str = "",
    timeout_s: float = 60.0,
    watch: Watch | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Send a data file to any API of the original's form; return the run's row.

    Args:
        url: Where to POST; it is kept in the run's folder.
        data: Path of the data file; `-` for standard input.
        api_key_env: Name of the environment variable with the key; "" for an API without keys.
        headers: Each "Name: env:VARIABLE", with the variable that holds the value; text before `env:`,
            such as "Bearer ", precedes it.
        timeout_s: Of one request.
        options: Other fields of `SendOptions`.

    Raises:
        UsageError: The URL, the key or an option is invalid.
        RunError: There is such a run already.
        KeyboardInterrupt: What was answered is in the folder; `resume` finishes the run.
    """
    api, parsed = api_of(url, api_key_env, headers), _send_options(timeout_s, options)
    run_id = folders.checked_id(experiment_id or folders.new_id(data))
    experiment = paths.results() / run_id
    with folders.removed_if_refused(experiment):
        points = _read(folders.data_file(data, experiment))
    folder = experiment / "runs" / f"{run_id}-{ARM}"
    folders.refuse_existing(folder)
    paths.make_private(folder)
    secrets = {"api_key_env": api_key_env, "headers": list(headers)}  # names of variables, not values
    info = RunInfo(
        experiment_id=run_id,
        run_id=folder.name,
        arm=ARM,
        target=f"API at {urlsplit(url).hostname}",
        data=points.name,
        data_path=points.path,
        sha256=points.sha256,
        api={"url": url, **secrets, "timeout_s": timeout_s, "plan": options},
    )
    with locks.run(folder, f"sending {folder.name}"):
        folders.refuse_existing(folder)  # another process may have begun it since
        return _complete(api, parsed, points, points, folder, info, watch)


def resume(folder: Path, *, data: str = "", watch: Watch | None = None) -> dict[str, Any]:
    """Send what was neither accepted nor rejected; return the run's row.

    Raises:
        RunError: The data file is not the one that the run began with.
        UsageError: The environment has no key any more.
    """
    with locks.run(folder, f"resuming {folder.name}"):
        facts = folders.read_facts(folder)
        if closing.is_finished(facts):
            return facts
        points = _read(folders.data_of(folder, facts, data))
        if points.sha256 != facts["sha256"]:
            raise RunError(f"{points.name} is not the file that {folder.name} began with; put that one back")
        api = api_of(facts["url"], facts["api_key_env"], facts.get("headers", ()))
        options = _send_options(facts["timeout_s"], facts["plan"])
        done = bytearray(points.next_n)  # a set of a million numbers would take sixty times the memory
        if (folder / "journal").exists():
            for row in journal.read(folder / "journal"):
                if row["verdict"] in SETTLED:
                    done[row["n"]] = 1
        left = (line for line in points if not done[line.n])
        info = replace(RunInfo.from_facts(facts), resumed=True)
        return _complete(api, options, points, left, folder, info, watch)


def api_of(url: str, api_key_env: str, headers: Sequence[str] = ()) -> Api:
    """Return the API at `url`, with the secrets that the environment holds under these names.

    Raises:
        UsageError: The URL is invalid or holds credentials, or a variable is not set.
    """
    try:
        parts = urlsplit(url)
        well_formed = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        well_formed = False
    if not (well_formed and url.isascii() and url.isprintable() and " " not in url):
        raise UsageError(f"invalid URL {url!r}: write http://… or https://…")
    if parts.username is not None:
        raise UsageError("invalid URL: it holds credentials; name an environment variable with --api-key-env")
    if secret := next((name for name, _ in parse_qsl(parts.query) if SECRET.search(name)), ""):
        raise UsageError(
            f"invalid URL: its query holds a secret ({secret}), which run.json would keep; pass it as a "
            "header, such as --header 'x-functions-key: env:NAME'"
        )
    key = _secret(api_key_env) if api_key_env else ""
    return Api(url=url, key=ApiKey(key), headers=dict(map(_header, headers)))


def _header(text: str) -> tuple[str, ApiKey]:
    """Parse one "Name: env:VARIABLE"."""
    parsed = HEADER.fullmatch(text)
    if not parsed:
        raise UsageError(
            f"invalid header{' ' + text.partition(':')[0] if ':' in text else ''}: write 'Name: env:VAR', "
            "such as 'Authorization: Bearer env:TOKEN'; a value of its own would be kept in run.json"
        )
    return parsed["name"], ApiKey(parsed["prefix"] + _secret(parsed["variable"]))


def _secret(variable: str) -> str:
    value = os.environ.get(variable, "").strip()
    if not value:
        raise UsageError(f"{variable} holds no key: set it with `export {variable}=…`")
    if not (value.isascii() and value.isprintable()):
        raise UsageError(f"invalid key in {variable}: it has unprintable characters; set it again")
    return value


def _send_options(timeout_s: float, others: Mapping[str, Any]) -> SendOptions:
    return SendOptions(plain=True, timeouts=Timeouts(request_s=timeout_s), **others)


def _read(data: str | Path) -> Datapoints:
    return data_files.read(data, max_chars=DATAPOINT_CEILING_CHARS)


def _complete(
    api: Api,
    options: SendOptions,
    points: Datapoints,
    lines: Iterable[Line],
    folder: Path,
    info: RunInfo,
    watch: Watch | None,
) -> dict[str, Any]:
    facts = info.facts()
    files.write_json(folder / "run.json", {**facts, "state": "submitting"})
    with folders.resumable(folder), Monitor(watch, submitted=points.submitted) as monitor:
        with journal.Journal(folder / "journal", Receipt._fields) as kept:
            tally = client.submit(
                lines, api, options, run_id=folder.name, keep=kept.append, watch=monitor.sending
            )
        monitor.collecting()
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
    if closing.is_finished(row):
        del row["data_path"]
    files.write_json(folder / "run.json", row)
    return row


def _write_answers(folder: Path, points: Datapoints, last: Sequence[int]) -> dict[str, int]:
    """Write each datapoint's answer in input order; return the ledger, which closes at *accepted*."""
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
                place = "unsent" if row["verdict"] == NOT_ACCEPTED else row["verdict"]
                answer = {"error": f"{place}: {row['cause']}"}
            counts[place] += 1
            file.write(json.dumps({"n": line.n, "data": line.data, **answer}, ensure_ascii=False) + "\n")
    return counts
