"""`lambdist submit --url`: any API of the original's form, up to *accepted*."""

import collections
import contextlib
import gzip
import io
import json
import os
import random
import resource
import signal
import sys
import threading
import time

import pytest
from support.servers import Exchange, Hostile

from lambdist_lib.cli import main
from lambdist_lib.errors import RunError, UsageError
from lambdist_lib.progress import RunProgress
from lambdist_lib.results import files, folders, journal, tables
from lambdist_lib.results import files as results_files
from lambdist_lib.runs import external_api

KEY = "key-of-a-stranger"


@pytest.fixture(autouse=True)
def results(tmp_path, monkeypatch):
    """Runs go to a folder of the test; the key is where the test says."""
    monkeypatch.setenv("LAMBDIST_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("STRANGERS_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "results"


@pytest.fixture
def words(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("".join(f"word-{n}\n" for n in range(30)))
    return str(path)


class Strange:
    """The original's collector: takes {"data": word}, answers in words; knows what it took."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def __call__(self, exchange: Exchange) -> None:
        assert exchange.headers["x-api-key"] == KEY
        self.taken.append(exchange.content["data"])
        exchange.reply(200, {"message": f"Succeeded: {exchange.content['data']}"})


def submitted(url: str, data: str, *more: str) -> int:
    return main.main(
        ["submit", data, "--url", url, "--id", "abroad", "--api-key-env", "STRANGERS_KEY", *more]
    )


def submit(url: str, data: str, watch, **plan) -> None:
    external_api.submit_to_url(
        url, data=data, api_key_env="STRANGERS_KEY", experiment_id="abroad", watch=watch, **plan
    )


def answers(results) -> list[dict]:
    text = (results / "abroad/runs/abroad-url/outputs.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_a_file_through_an_api_of_others(words, results, capsys):
    """Exit 0, all accepted, in input order; the key is nowhere, neither printed nor kept."""
    api = Strange()
    with Hostile(api) as server:
        status = submitted(server.api.url, words, "--chunks", "4", "--json")

    row = json.loads(capsys.readouterr().out)
    assert status == 0
    assert sorted(api.taken) == sorted(f"word-{n}" for n in range(30))
    assert (row["accepted"], row["submitted"], row["unsent"]) == (30, 30, 0)
    assert row["makespan_s"] > 0
    assert answers(results)[7] == {"n": 7, "data": "word-7", "accepted": True}
    assert len(tables.load(results / "abroad/runs/abroad-url", "receipts")) == 30
    kept = b"".join(path.read_bytes() for path in results.rglob("*") if path.is_file())
    assert KEY.encode() not in kept


def test_what_it_says_stays_out_of_the_key(words, capsys):
    """Neither progress nor errors show it."""
    with Hostile(lambda exchange: exchange.reply(403, {"message": "Forbidden"})) as server:
        status = submitted(server.api.url, words)

    shown = capsys.readouterr()
    assert status == 3
    assert "30 datapoints were not sent (the API rejects this client (HTTP 403: Forbidden)" in shown.err
    assert KEY not in shown.out + shown.err


def test_standard_input(monkeypatch, results):
    """It is kept as a file, so that the run can be resumed."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"one\n\ntwo\n")))
    with Hostile(Strange()) as server:
        assert submitted(server.api.url, "-") == 0

    assert [answer["n"] for answer in answers(results)] == [0, 2]
    assert (results / "abroad/input.txt").read_bytes() == b"one\n\ntwo\n"


def test_an_api_without_keys_and_a_gzipped_file(tmp_path, results):
    """No --api-key-env, no header."""
    path = tmp_path / "words.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\n"))
    with Hostile(lambda exchange: exchange.reply(200, b"thanks")) as server:
        assert main.main(["submit", str(path), "--url", server.api.url, "--id", "abroad"]) == 0

    assert "x-api-key" not in server.exchanges[0].headers
    assert len(answers(results)) == 2


def test_a_resume_sends_what_is_not_accepted_and_nothing_else(words, results, capsys):
    """What got no answer may be accepted twice; what was accepted is never sent again."""
    api = Strange()

    def script(exchange: Exchange) -> None:
        if exchange.number < 10:
            api(exchange)
        else:
            exchange.reply(401, {"message": "too late"})

    with Hostile(script) as server:
        assert submitted(server.api.url, words, "--chunks", "1") == 3
        assert "were not sent" in capsys.readouterr().err
        server.script = api
        assert main.main(["resume", "abroad"]) == 0
        sent = server.requests
        assert main.main(["resume", "abroad"]) == 0
        assert server.requests == sent

    assert sorted(api.taken) == sorted(f"word-{n}" for n in range(30))
    assert all("accepted" in answer for answer in answers(results))
    assert folders.read_facts(results / "abroad/runs/abroad-url")["resumed"] is True


@pytest.mark.parametrize("seed", range(24))
def test_a_killed_run_is_resumed(words, results, nursery, seed):
    """SIGKILL at a random moment: what the journal has is not sent again, nothing is missing."""
    moment, api = random.Random(seed), Strange()
    requests, then_s = moment.randrange(31), moment.uniform(0, 0.02)

    def script(exchange: Exchange) -> None:
        time.sleep(0.005)
        api(exchange)

    with Hostile(script) as server:
        command = ["submit", words, "--url", server.api.url, "--id", "abroad", "--chunks", "2"]
        pid = nursery.begin(results, [*command, "--api-key-env", "STRANGERS_KEY"])
        deadline_s = time.monotonic() + 20
        while server.requests < requests and time.monotonic() < deadline_s:
            time.sleep(0.001)
        time.sleep(then_s)
        nursery.kill(pid)
        has_begun = (results / "abroad/runs/abroad-url/run.json").exists()
        assert (main.main(["resume", "abroad"]) if has_begun else submitted(server.api.url, words)) == 0

    taken = collections.Counter(api.taken)
    assert set(taken) == {f"word-{n}" for n in range(30)}
    assert sum(taken.values()) - 30 <= 2  # what was under way: one per sender
    assert all("accepted" in answer for answer in answers(results))
    facts = folders.read_facts(results / "abroad/runs/abroad-url")
    assert facts["submitted"] == facts["accepted"] == 30


def limit_files(size_bytes: int) -> None:
    """What a file of this process may grow to: a disk that is full beyond it."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))


@contextlib.contextmanager
def room_given_back():
    """Before the test ends: pytest's own report may go to a file."""
    try:
        yield
    finally:
        limit_files(resource.RLIM_INFINITY)


@pytest.mark.parametrize("room_bytes", [0, 1_000, 3_000])
def test_a_disk_that_is_full_while_sending(words, results, room_bytes):
    """One line that says how to go on; the journal is whole, and the run is finished once there is room."""

    def fill(text: str) -> None:
        limit_files(room_bytes)

    api = Strange()
    with Hostile(api) as server:
        said = r"cannot write the journal of abroad-url \(File too large\)"
        with room_given_back(), pytest.raises(RunError, match=said):
            submit(server.api.url, words, fill, chunks=1)
        rows = list(journal.read(results / "abroad/runs/abroad-url/journal"))
        assert main.main(["resume", "abroad"]) == 0

    assert len(rows) < 30
    assert set(api.taken) == {f"word-{n}" for n in range(30)}
    assert len(api.taken) <= 31  # what was answered and could not be written down


@pytest.mark.parametrize("room_bytes", [100, 1_000, 3_000])
def test_a_disk_that_is_full_after_sending(words, results, room_bytes):
    """No half table or half answers are taken for whole ones, and nothing is sent again."""

    def fill(counts: RunProgress) -> None:
        if counts.phase == "collecting":
            limit_files(room_bytes)

    api = Strange()
    with Hostile(api) as server:
        said = r"cannot write .* free disk space, then `lambdist resume abroad-url`"
        with room_given_back(), pytest.raises(RunError, match=said):
            submit(server.api.url, words, fill)
        assert not folders.collected_ids()
        assert main.main(["resume", "abroad"]) == 0

    assert len(api.taken) == 30
    assert len(answers(results)) == 30
    assert not list(results.rglob("*.partial"))


def test_a_disk_that_is_full_before_anything(words, results, capsys):
    """Nothing is sent, and the same command works once there is room."""
    api = Strange()
    with Hostile(api) as server:
        with room_given_back():
            limit_files(10)
            assert submitted(server.api.url, words) == 1
        said = capsys.readouterr().err
        assert not api.taken
        assert submitted(server.api.url, words) == 0

    assert ": free disk space, then run the command again" in said


def test_a_disk_that_is_full_for_standard_input(monkeypatch, results, capsys):
    """It cannot be kept, so nothing is sent."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"one\n" * 1_000)))
    with Hostile(Strange()) as server, room_given_back():
        limit_files(1_000)
        assert submitted(server.api.url, "-") == 1

    assert "free disk space, then pipe the data in again" in capsys.readouterr().err
    assert server.requests == 0


def test_a_torn_journal_is_resumed(words, results):
    """Its last line without an end: that datapoint is sent again, and nothing else."""
    api = Strange()
    with Hostile(api) as server:
        assert submitted(server.api.url, words) == 0
        folder = results / "abroad/runs/abroad-url"
        kept = (folder / "journal").read_bytes()
        (folder / "journal").write_bytes(kept[:-20])
        files.write_json(folder / "run.json", {**folders.read_facts(folder), "state": "submitting"})
        assert main.main(["resume", "abroad"]) == 0

    assert (len(api.taken), len(set(api.taken))) == (31, 30)
    assert len(list(journal.read(folder / "journal"))) == 30


def test_standard_input_is_resumed(monkeypatch, results):
    """From what was kept of it: no --data."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"one\n\ntwo\n")))
    with Hostile(lambda exchange: exchange.reply(404, {"message": "no"})) as server:
        assert submitted(server.api.url, "-") == 3
        server.script = Strange()
        assert main.main(["resume", "abroad"]) == 0

    assert [answer["n"] for answer in answers(results)] == [0, 2]


def test_large_receipts_are_packed(words, results, monkeypatch):
    """Once only, also where an earlier sitting had few of them."""
    monkeypatch.setattr(results_files, "GZIP_OVER_BYTES", 1_000)
    with Hostile(lambda exchange: exchange.reply(404, {"message": "no"})) as server:
        assert submitted(server.api.url, words) == 3
        monkeypatch.setattr(results_files, "GZIP_OVER_BYTES", 10**6)
        server.script = Strange()
        assert main.main(["resume", "abroad"]) == 0

    folder = results / "abroad/runs/abroad-url"
    assert {path.name for path in folder.glob("receipts*")} == {"receipts.csv"}
    assert len(tables.load(folder, "receipts")) == 60


def test_an_interrupt_keeps_what_was_answered(words, results, capsys):
    """Ctrl-C: exit 130, and a resume finishes the run."""
    api = Strange()

    def script(exchange: Exchange) -> None:
        time.sleep(0.02)
        api(exchange)

    with Hostile(script) as server:
        timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        assert submitted(server.api.url, words, "--chunks", "1") == main.INTERRUPTED
        timer.join()
        last = capsys.readouterr().err.splitlines()[-1]
        assert last.startswith("lambdist: interrupted: the measurements are kept in ")
        assert last.endswith("`lambdist resume abroad-url`")
        rows = list(journal.read(results / "abroad/runs/abroad-url/journal"))
        assert 0 < len(rows) < 31
        assert main.main(["resume", "abroad"]) == 0

    assert {row["verdict"] for row in rows} <= {"accepted", "unknown", "refused"}
    assert set(api.taken) == {f"word-{n}" for n in range(30)}


def test_a_file_that_changed_is_not_resumed(words, results, capsys):
    """Its line numbers would mean other datapoints."""
    with Hostile(lambda exchange: exchange.reply(404, {"message": "no"})) as server:
        submitted(server.api.url, words)
    with open(words, "a") as file:  # noqa: PTH123 - a person's editor
        file.write("one more\n")

    assert main.main(["resume", "abroad"]) == 1
    assert "is not the file" in capsys.readouterr().err


def test_the_same_run_twice(words):
    """Its folder is not written over."""
    with Hostile(Strange()) as server:
        assert submitted(server.api.url, words) == 0
        with pytest.raises(RunError, match="resume abroad-url"):
            external_api.submit_to_url(server.api.url, data=words, experiment_id="abroad")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--url", "ftp://host/"], "invalid URL"),
        (["--url", "http://"], "invalid URL"),
        (["--url", "http://host:x/"], "invalid URL"),
        (["--url", "http://ho st/"], "invalid URL"),
        (["--url", "http://h/\r\nx: y"], "invalid URL"),
        (["--url", "http://user:word@host/"], "holds credentials"),
        (["--url", "http://host/", "--api-key-env", "NOBODYS"], "NOBODYS holds no key"),
        (["--url", "http://host/", "--api-key-env", "TWO_LINES"], "invalid key"),
        (["--url", "http://host/", "--request-batch", "2"], "original's form"),
        (["--url", "http://host/", "--work", "io:1s"], "this project's stacks"),
        (["--url", "http://host/", "--rate", "-1"], "rate is -1"),
        (["--url", "http://host/", "--chunks", "0"], "chunks is 0"),
        (["--url", "http://host/", "--tries", "0"], "tries is 0"),
        (["--url", "http://host/", "--deadline", "-1"], "--deadline is -1"),
        (["--url", "http://host/", "--timeout", "0"], "--timeout is 0;"),
        (["--url", "http://host/", "--timeout", "nan"], "--timeout is nan;"),
        (["--api-key-env", "STRANGERS_KEY"], "go with --url"),
        (["--tries", "3"], "go with --url"),
    ],
)
def test_a_wrong_command_is_refused_before_anything(words, results, capsys, monkeypatch, arguments, said):
    """Exit 2, one line, no folder, and no word of credentials."""
    monkeypatch.setenv("TWO_LINES", "a\nb: c")

    assert main.main(["submit", words, "--id", "abroad", *arguments]) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert "user:word" not in shown
    assert not results.exists()


def test_patience_is_bounded(words, results, capsys):
    """--timeout of a request, --tries of a datapoint, --deadline of all; a resume keeps to them."""
    with Hostile(Exchange.hang) as server:
        impatient = ["--timeout", "1", "--tries", "1", "--chunks", "30"]
        assert submitted(server.api.url, words, *impatient) == 3
        assert server.requests == 30
        began_s = time.monotonic()
        assert main.main(["resume", "abroad"]) == 3
        assert time.monotonic() - began_s < 20
        assert server.requests == 60
        command = ["submit", words, "--url", server.api.url, "--id", "late", "--deadline", "0.3"]
        assert main.main(command) == 3
        assert time.monotonic() - began_s < 30

    assert "may have been accepted (the deadline of 0.3 s passed)" in capsys.readouterr().err


def test_an_arm_and_a_url_exclude_each_other(words):
    """The arms are our own stacks'."""
    assert main.main(["submit", words, "--url", "http://host/", "--arm", "single_node"]) == 2


def test_fetch_prints_what_became_of_each(words, capsys):
    """As of any other run."""
    with Hostile(lambda exchange: exchange.reply(400, {"message": "Failed: no"})) as server:
        assert submitted(server.api.url, words) == 5
    capsys.readouterr()

    assert main.main(["fetch", "abroad"]) == 0
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert first == {"n": 0, "data": "word-0", "error": "rejected: HTTP 400: Failed: no"}


def test_a_key_is_no_part_of_any_shown_object():
    """Neither repr nor pickle."""
    assert KEY not in repr(external_api.api_of("http://host/", "STRANGERS_KEY"))
    with pytest.raises(UsageError):
        external_api.api_of("nothing", "")


def test_headers_take_their_secrets_from_the_environment(words, results, capsys, monkeypatch):
    """They are sent with every request, also of a resume, and are nowhere else."""
    monkeypatch.setenv("MY_TOKEN", "a-secret-token")
    headers = ["--header", "Authorization: Bearer env:MY_TOKEN", "--header", "x-tenant: env:STRANGERS_KEY"]

    def script(exchange: Exchange) -> None:
        assert exchange.headers["authorization"] == "Bearer a-secret-token"
        assert exchange.headers["x-tenant"] == KEY
        exchange.reply(200 if exchange.number else 401, {"message": "Unauthorized"})

    with Hostile(script) as server:
        assert (
            main.main(["submit", words, "--url", server.api.url, "--id", "abroad", "--chunks", "1", *headers])
            == 3
        )
        assert main.main(["resume", "abroad-url"]) == 0

    shown = capsys.readouterr()
    kept = b"".join(path.read_bytes() for path in results.rglob("*") if path.is_file())
    assert "see --api-key-env and --header" in shown.err
    for secret in ("a-secret-token", KEY):
        assert secret not in shown.out + shown.err
        assert secret.encode() not in kept
    assert folders.read_facts(results / "abroad/runs/abroad-url")["headers"] == headers[1::2]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--url", "http://host/", "--header", "Authorization: my-secret"],
        ["--url", "http://host/", "--header", "Authorization: Bearer my-secret"],
        ["--url", "http://host/", "--header", "Authorization: env:NOBODYS"],
        ["--url", "http://host/", "--header", "my-secret"],
        ["--url", "http://host/?code=my-secret"],
        ["--url", "http://host/?x=1&api_key=my-secret"],
        ["--header", "Authorization: env:STRANGERS_KEY"],
    ],
)
def test_a_secret_in_an_argument_is_refused(words, results, capsys, arguments):
    """It would be kept in run.json; the message does not repeat it."""
    assert main.main(["submit", words, "--id", "abroad", *arguments]) == 2

    assert "my-secret" not in capsys.readouterr().err
    assert not (results / "abroad").exists()


def test_a_redirect_is_shown(words, capsys):
    """It is not followed: a POST would arrive as a GET."""
    with Hostile(
        lambda exchange: exchange.reply(301, b"", location="https://elsewhere.example/put")
    ) as server:
        assert submitted(server.api.url, words) == 3

    assert "it redirects to https://elsewhere.example/put" in capsys.readouterr().err
    assert all(exchange.headers["x-api-key"] == KEY for exchange in server.exchanges)
