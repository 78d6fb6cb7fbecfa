"""The client against servers that misbehave, one misbehaviour at a time."""

import collections
import email.utils
import itertools
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from support.sending import FAST, PASSING, points, require_coherent
from support.servers import Exchange, Hostile, serving

from lambdist_lib.cloud.api import Api, ApiKey
from lambdist_lib.data import datapoints
from lambdist_lib.errors import UsageError
from lambdist_lib.submission import client, retry_queue
from lambdist_lib.submission.doors import QueueDoor
from lambdist_lib.submission.http import Timeouts
from lambdist_lib.submission.receipts import Receipt, SendOptions, SubmissionCounts


def submitted(api: Api, lines, **plan) -> tuple[SubmissionCounts, list[Receipt]]:
    """Submit and check the invariants of the result."""
    receipts: list[Receipt] = []
    counts = client.submit(lines, api, SendOptions(**{**FAST, **plan}), run_id="r", keep=receipts.extend)
    require_coherent(counts, receipts, {line.n for line in lines})
    return counts, receipts


def once(behave, then=Exchange.accept):
    """A script that misbehaves on the first request of every datapoint."""
    seen: set[tuple[int, ...]] = set()
    lock = threading.Lock()

    def script(exchange: Exchange) -> None:
        with lock:
            first = tuple(exchange.ns) not in seen
            seen.add(tuple(exchange.ns))
        (behave if first else then)(exchange)

    return script


@pytest.mark.parametrize("behave", PASSING.values(), ids=PASSING)
def test_a_transient_failure_is_retried(behave):
    """After a bad response to its first request, the second one settles each datapoint."""
    options = {} if behave is Exchange.hang else {"timeouts": Timeouts(request_s=30.0)}
    with Hostile(once(behave)) as server:
        counts, receipts = submitted(server.api, points(6), chunks=3, **options)

    assert counts.accepted == 6
    assert set(server.accepted) == set(range(6))
    assert counts.stopped == ""
    assert max(receipt.tries for receipt in receipts) <= 3


@pytest.mark.parametrize("behave", PASSING.values(), ids=PASSING)
def test_a_lasting_failure_ends(behave):
    """With the same bad response for ever, tries are bounded and only possible acceptances unknown."""
    with Hostile(behave) as server:
        counts, receipts = submitted(server.api, points(3), chunks=3, tries=3, stall_s=0.5)

    assert counts.accepted == 0
    last = {receipt.n: receipt.verdict for receipt in receipts}
    assert all(last[n] == "unknown" for n in server.accepted)
    assert server.requests < 150


def test_a_response_cannot_settle_other_datapoints():
    """Numbers that the request did not have, and repeats, change nothing."""

    def script(exchange: Exchange) -> None:
        [n] = exchange.ns
        exchange.server.take([n])
        others = [{"n": other, "reason": "nonsense"} for other in range(5) if other != n]
        exchange.reply(200, {"accepted": [n, n, n], "rejected": others})

    with Hostile(script) as server:
        counts, _ = submitted(server.api, points(5))

    assert counts.accepted == 5


def test_each_datapoint_of_a_batch_has_its_own_verdict():
    """One response may name accepted, rejected, dead and retried datapoints."""

    def script(exchange: Exchange) -> None:
        if exchange.ns == [3]:
            exchange.accept()
            return
        body = {"stored": [0], "rejected": [{"n": 1, "reason": "bad\x1b[31m"}], "dead": [2], "retry": [3]}
        exchange.reply(200, body)

    with Hostile(script) as server:
        counts, receipts = submitted(server.api, points(4), request_batch=4)

    assert (counts.accepted, counts.rejected, counts.dead, counts.retries) == (2, 1, 1, 1)
    assert next(receipt.cause for receipt in receipts if receipt.n == 1) == "bad [31m"
    assert server.exchanges[1].content["datapoints"] == [{"n": 3, "data": "word-3", "attempt": 2}]


def test_a_datapoint_that_crashes_its_lambda_dies_alone():
    """API Gateway's 502 for a lost process names nobody, so each of the group is then sent on its own."""

    def script(exchange: Exchange) -> None:
        if 2 in exchange.ns:
            exchange.reply(502, {"message": "Internal server error"})
        else:
            exchange.accept()

    with Hostile(script) as server:
        counts, receipts = submitted(server.api, points(10), request_batch=5, tries=3)

    assert (counts.accepted, counts.unknown) == (9, 1)
    assert [receipt.n for receipt in receipts if receipt.verdict == "unknown"] == [2]
    assert sum(exchange.ns == [2] for exchange in server.exchanges) == 2  # after the one with its group


@pytest.mark.parametrize("status", [400, 409, 413, 415, 422])
def test_other_client_errors_are_final(status):
    """A 4xx means that the request is invalid: it is not retried."""
    with Hostile(lambda exchange: exchange.reply(status, {"message": "Failed: no"})) as server:
        counts, receipts = submitted(server.api, points(4), chunks=2)

    assert (counts.rejected, server.requests) == (4, 4)
    assert receipts[0].cause == f"HTTP {status}: Failed: no"


@pytest.mark.parametrize("status", [301, 401, 403, 404, 405])
def test_an_api_that_rejects_the_client_ends_the_run(status):
    """A wrong key or URL stays wrong: the run stops with that reason."""
    with Hostile(lambda exchange: exchange.reply(status, {"message": "Forbidden"})) as server:
        counts, _ = submitted(server.api, points(50), chunks=2)

    assert (counts.not_accepted, server.requests) == (50, 2)
    assert f"(HTTP {status}: " in counts.stopped


def test_a_spent_quota_ends_the_run_at_once():
    """Earlier acceptances count, the rest is certainly unsent, and nothing is retried."""

    def script(exchange: Exchange) -> None:
        if exchange.number < 10:
            exchange.accept()
        else:
            exchange.reply(429, {"message": "Limit Exceeded"})

    with Hostile(script) as server:
        counts, _ = submitted(server.api, points(40), chunks=4)

    assert (counts.accepted, counts.not_accepted, counts.unknown) == (10, 30, 0)
    assert "quota is spent" in counts.stopped
    assert server.requests <= 10 + 4


def test_an_account_that_serves_ten_at_once_finishes():
    """A hundred senders find the limit, stay near it and waste few requests."""
    with Hostile(serving(10, 0.02)) as server:
        counts, receipts = submitted(server.api, points(600), chunks=100)

    assert counts.accepted == 600
    assert server.requests < 1.5 * 600
    assert min(receipt.senders for receipt in receipts) < 20


def test_an_outage_is_outlasted():
    """A 503 for a while costs no datapoint a try, and few requests are sent meanwhile."""
    began_s = time.perf_counter()

    def script(exchange: Exchange) -> None:
        if time.perf_counter() - began_s < 1.5:
            exchange.reply(503, {"message": "Service Unavailable"})
        else:
            exchange.accept()

    with Hostile(script) as server:
        counts, _ = submitted(server.api, points(200), chunks=50, tries=2, backoff_s=0.05, backoff_max_s=0.4)

    assert counts.accepted == 200
    assert server.requests < 200 + 50 + 100


@pytest.mark.parametrize("as_date", [False, True], ids=["seconds", "date"])
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_obeyed(status, as_date):
    """In seconds or as a date, it delays the second try."""

    def behave(exchange: Exchange) -> None:
        wait = email.utils.formatdate(time.time() + 2, usegmt=True) if as_date else "1"
        exchange.reply(status, {"message": "later"}, retry_after=wait)

    with Hostile(once(behave)) as server:
        counts, _ = submitted(server.api, points(1))

    first, second = server.exchanges
    assert counts.accepted == 1
    assert second.at_s - first.at_s >= 0.95


def test_an_endless_retry_after_ends_the_run():
    """A request to wait an hour ends the run."""
    with Hostile(lambda e: e.reply(429, {"message": "later"}, retry_after="3600")) as server:
        counts, _ = submitted(server.api, points(5), chunks=1)

    assert (counts.not_accepted, server.requests) == (5, 1)
    assert "asks to wait 3,600 s" in counts.stopped


def test_delays_double_with_full_jitter():
    """The delay is drawn below a bound that doubles by try up to its maximum."""
    with Hostile(lambda exchange: exchange.reply(502, {})) as server:
        submitted(server.api, points(1), tries=5, backoff_s=0.1, backoff_max_s=0.3)

    at_s = [exchange.at_s for exchange in server.exchanges]
    delays_s = [after - before for before, after in itertools.pairwise(at_s)]
    assert len(delays_s) == 4
    assert all(
        delay_s < bound_s + 0.25 for delay_s, bound_s in zip(delays_s, [0.1, 0.2, 0.3, 0.3], strict=True)
    )


def test_the_retry_budget_ends_a_run_that_never_settles(monkeypatch):
    """The number of datapoints sent again per settled one is bounded."""
    monkeypatch.setattr(retry_queue, "FREE_RETRIES", 20)
    retry = lambda e: e.reply(200, {"accepted": [], "retry": e.ns})  # noqa: E731
    with Hostile(retry) as server:
        counts, _ = submitted(server.api, points(50), chunks=2, tries=1_000, retry_budget=1)

    assert counts.stopped.startswith("the retry budget is spent")
    assert counts.not_accepted == 50
    assert server.requests < 100


def test_a_refused_connection_ends_the_run():
    """Without a listener every datapoint is certainly unsent, and the run ends soon."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    counts, receipts = submitted(
        Api(url=f"http://127.0.0.1:{port}/", key=ApiKey("k")), points(20), chunks=5, stall_s=0.5
    )

    assert (counts.not_accepted, counts.unknown) == (20, 0)
    assert "served nothing" in counts.stopped
    assert "libcurl 7" in counts.stopped
    assert len(receipts) < 200


def test_an_unknown_host_ends_the_run():
    """After a DNS failure nothing was sent, and the reason names the host."""
    counts, _ = submitted(
        Api(url="http://nowhere.invalid/", key=ApiKey("k")), points(3), chunks=1, stall_s=0.3
    )

    assert (counts.not_accepted, counts.unknown) == (3, 0)
    assert "nowhere.invalid" in counts.stopped


def test_an_untrusted_certificate_ends_the_run(tmp_path):
    """TLS is verified: the run stops at once and sends nothing."""
    certificate = _self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    handshakes = []

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            handshakes.append(1)
            with connection:
                try:
                    context.wrap_socket(connection, server_side=True).close()
                except OSError:
                    continue

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        port = listener.getsockname()[1]
        api = Api(url=f"https://127.0.0.1:{port}/", key=ApiKey("k"))
        counts, _ = submitted(api, points(5), chunks=1)
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()

    assert (counts.not_accepted, len(handshakes)) == (5, 1)
    assert "cannot be reached" in counts.stopped


def _self_signed(folder: Path) -> Path:
    if not shutil.which("openssl"):
        pytest.skip("no openssl to make a certificate with")
    both = folder / "both.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -keyout - -out -"
    made = subprocess.run(command.split(), capture_output=True, check=True)
    both.write_bytes(made.stdout)
    return both


def test_a_server_restart_loses_nothing():
    """Connections break, no process listens for a while, another one answers: all are accepted."""
    first = Hostile(lambda exchange: (time.sleep(0.01), exchange.accept()))
    took: list[int] = []

    def restart() -> None:
        time.sleep(0.3)
        first.stop()
        time.sleep(0.4)
        second.append(Hostile(port=first.port))

    second: list[Hostile] = []
    thread = threading.Thread(target=restart)
    thread.start()
    counts, receipts = submitted(first.api, points(800), chunks=10, backoff_max_s=0.2)
    thread.join()
    second[0].stop()
    took = first.accepted + second[0].accepted

    assert counts.accepted == 800
    assert set(took) == set(range(800))
    assert counts.retries > 0
    assert {receipt.status for receipt in receipts if receipt.verdict == "retry"} == {0}


@pytest.mark.parametrize(
    ("status", "message"), [(429, "Limit Exceeded"), (400, "Failed: no"), (403, "Forbidden")]
)
def test_a_response_to_a_resent_request_does_not_deny_the_first_copy(status, message):
    """The server takes a request, closes the reused connection and denies libcurl's second copy."""

    def script(exchange: Exchange) -> None:
        if exchange.number == 0:
            exchange.accept()
        elif exchange.number == 1:
            exchange.server.take(exchange.ns)
            exchange.close()
        else:
            exchange.reply(status, {"message": message})

    with Hostile(script) as server:
        counts, _ = submitted(server.api, points(2), chunks=1)

    assert server.accepted == [0, 1]
    assert (counts.accepted, counts.unknown) == (1, 1)


def test_a_message_that_the_queue_refuses_after_a_resend_may_have_been_queued():
    """SQS took the first copy of the batch and names the message of the second one as invalid."""

    def script(exchange: Exchange) -> None:
        [entry] = exchange.content["Entries"]
        if exchange.number == 0:
            exchange.reply(200, {"Successful": [{"Id": entry["Id"]}]})
        elif exchange.number == 1:
            exchange.close()
        else:
            exchange.reply(200, {"Failed": [{"Id": entry["Id"], "SenderFault": True, "Code": "Invalid"}]})

    with Hostile(script) as server:
        signature = SimpleNamespace(headers=lambda url, body, headers: dict(headers))
        door = QueueDoor(url=server.api.url, queue_url="queue", signature=signature, max_datapoints=1)
        counts, _ = submitted(door, points(2), chunks=1)

    assert (counts.accepted, counts.rejected, counts.unknown) == (1, 0, 1)


def test_a_reused_connection_that_breaks_may_have_been_accepted():
    """The server reads a request on a reused connection and disconnects: the verdict is unknown."""

    def script(exchange: Exchange) -> None:
        if exchange.number == 0:
            exchange.accept()
            return
        exchange.server.take(exchange.ns)
        exchange.server._listener.shutdown(socket.SHUT_RDWR)
        exchange.reset()

    with Hostile(script) as server:
        counts, _receipts = submitted(server.api, points(2), chunks=1, stall_s=0.3)

    assert (counts.accepted, counts.unknown) == (1, 1)


def test_the_deadline_ends_the_submission():
    """Requests under way may be accepted; waiting ones are unsent."""
    with Hostile(Exchange.hang) as server:
        began_s = time.perf_counter()
        counts, _ = submitted(
            server.api, points(20), chunks=4, deadline_s=0.5, timeouts=Timeouts(request_s=30)
        )
        took_s = time.perf_counter() - began_s

    assert (counts.unknown, counts.not_accepted) == (4, 16)
    assert counts.stopped == "the deadline of 0.5 s passed"
    assert 0.4 < took_s < 10  # the server hangs for 30 s


def test_an_invalid_line_gets_a_receipt_and_is_not_sent():
    """Its receipt has the reason."""
    lines = datapoints.from_iterable(["good", "bad\x01", "", "good"])
    with Hostile() as server:
        counts, receipts = submitted(server.api, lines)

    assert (counts.accepted, counts.rejected, sorted(server.accepted)) == (2, 2, [0, 3])
    assert {receipt.n: receipt.cause for receipt in receipts if receipt.verdict == "rejected"}[
        2
    ] == "is empty"


def test_the_original_form_works_with_any_api():
    """Each POST has one datapoint, and a 200 without a failure message is an acceptance."""

    def script(exchange: Exchange) -> None:
        word = exchange.content["data"]
        if word == "word-1":
            exchange.reply(200, {"message": f"Failed: {word}"})
        elif word == "word-2":
            exchange.reply(200, {"errorMessage": "Task timed out"})
        elif word == "word-3":
            exchange.reply(400, {"message": "no"})
        else:
            exchange.reply(200, b"")

    with Hostile(script) as server:
        counts, _ = submitted(server.api, points(5), plain=True, tries=2)

    assert (counts.accepted, counts.unknown, counts.rejected) == (2, 2, 1)
    assert {"data": "word-0"} in [exchange.content for exchange in server.exchanges]
    assert server.exchanges[0].headers["x-api-key"] == "secret"


def test_no_key_sends_no_header():
    """A request to an API without keys has no key header."""
    with Hostile() as server:
        submitted(Api(url=server.api.url, key=ApiKey("")), points(1))

    assert "x-api-key" not in server.exchanges[0].headers


# -- open loop ---------------------------------------------------------------------------


def test_a_stall_shows_in_the_latency_from_the_intended_send():
    """No coordinated omission: one slow response shows in the latency of all that were due meanwhile."""

    def script(exchange: Exchange) -> None:
        if exchange.number == 20:
            time.sleep(1.0)
        exchange.accept()

    with Hostile(script) as server:
        _, receipts = submitted(server.api, points(100), chunks=1, rate=100, timeouts=Timeouts(request_s=5))

    from_intended = sorted(receipt.answered_at - receipt.intended_at for receipt in receipts)
    from_sent = sorted(receipt.answered_at - receipt.sent_at for receipt in receipts)
    assert from_sent[-2] < 0.5  # one request was slow
    assert from_intended[-20] > 0.5  # but many datapoints waited
    steps = [b.intended_at - a.intended_at for a, b in itertools.pairwise(receipts)]
    assert steps == pytest.approx([0.01] * 99, abs=1e-5)


def test_a_rate_is_kept():
    """With enough senders the rate is as requested."""
    options = {"chunks": 20, "rate": 100, "timeouts": Timeouts(request_s=30)}
    with Hostile(lambda exchange: (time.sleep(0.1), exchange.accept())) as server:
        _, receipts = submitted(server.api, points(60), **options)

    span_s = receipts[-1].sent_at - receipts[0].sent_at
    assert 0.55 < span_s < 3.0  # 6 s one after another
    assert server.most_at_once <= 20


# -- interrupts --------------------------------------------------------------------------


def interrupt_after(delay_s: float, times: int = 1) -> threading.Thread:
    def kill() -> None:
        for _ in range(times):
            time.sleep(delay_s)
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


def test_an_interrupt_ends_at_once():
    """Requests in flight get receipts, and the signal handler is restored."""
    before = signal.getsignal(signal.SIGINT)
    receipts: list[Receipt] = []
    with Hostile(Exchange.hang) as server:
        thread = interrupt_after(0.3)
        began_s = time.perf_counter()
        with pytest.raises(KeyboardInterrupt):
            client.submit(points(30), server.api, SendOptions(chunks=7), run_id="r", keep=receipts.extend)
        took_s = time.perf_counter() - began_s
        thread.join()

    assert 0.3 <= took_s < 10  # the server hangs for 30 s
    assert signal.getsignal(signal.SIGINT) is before
    counts = collections.Counter((receipt.verdict, receipt.cause) for receipt in receipts)
    assert counts[("unknown", "interrupted")] == 7
    assert all(receipt.verdict in ("unknown", "refused") for receipt in receipts)


def test_two_interrupts_are_one():
    """A second Ctrl-C during the first does no harm."""
    receipts: list[Receipt] = []

    def keep(some: list[Receipt]) -> None:
        receipts.extend(some)
        if some and some[0].cause == "interrupted":
            os.kill(os.getpid(), signal.SIGINT)

    with Hostile(Exchange.hang) as server:
        thread = interrupt_after(0.1)
        with pytest.raises(KeyboardInterrupt):
            client.submit(points(9), server.api, SendOptions(chunks=3), run_id="r", keep=keep)
        thread.join()

    assert sum(receipt.verdict == "unknown" for receipt in receipts) == 3
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_works_among_rejected_lines():
    """A million invalid lines do not delay it."""

    def lines():
        yield datapoints.Line(0, "good")
        for n in range(1, 10_000_000):
            yield datapoints.Line(n, "", "is empty")

    with Hostile() as server:
        thread = interrupt_after(0.2)
        began_s = time.perf_counter()
        with pytest.raises(KeyboardInterrupt):
            client.submit(lines(), server.api, SendOptions(), run_id="r", keep=lambda receipts: None)
        thread.join()

    assert time.perf_counter() - began_s < 10


def test_submit_works_in_any_thread():
    """Only the main thread has signal handlers; others run without."""
    results = []
    with Hostile() as server:
        thread = threading.Thread(target=lambda: results.append(submitted(server.api, points(10))[0]))
        thread.start()
        thread.join()

    assert results[0].accepted == 10


# -- resources ---------------------------------------------------------------------------


def test_submit_closes_its_files():
    """Sockets and epoll are closed, even after an error."""
    process = psutil.Process()

    def fail(receipts: list[Receipt]) -> None:
        raise ValueError("a keeper's own")

    with Hostile() as server:
        submitted(server.api, points(50), chunks=10)
        before = process.num_fds()
        with pytest.raises(ValueError, match="keeper"):
            client.submit(points(50), server.api, SendOptions(chunks=10), run_id="r", keep=fail)
        deadline_s = time.perf_counter() + 5
        while process.num_fds() > before and time.perf_counter() < deadline_s:
            time.sleep(0.01)  # the server's side closes when it reads the end

    assert process.num_fds() <= before


def test_waiting_is_not_a_busy_loop():
    """Waiting for a response or for a delay uses little CPU time."""
    with Hostile(once(lambda e: e.reply(503, {}), lambda e: (time.sleep(0.5), e.accept()))) as server:
        began_s = time.process_time()
        submitted(server.api, points(20), chunks=1, timeouts=Timeouts(request_s=5), deadline_s=2.0)

    assert time.process_time() - began_s < 0.5


def test_waiting_retries_are_bounded(monkeypatch):
    """While many retries wait, no new datapoints are sent: this bounds memory and load."""
    monkeypatch.setattr(retry_queue, "MAX_WAITING", 10)

    with Hostile(lambda exchange: exchange.reply(502, {})) as server:
        submitted(server.api, points(500), chunks=1, deadline_s=0.5, backoff_s=60, backoff_max_s=60)

    assert server.requests < 20


# -- options ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"chunks": 0}, "chunks is 0"),
        ({"request_batch": 0}, "write 1 to 100"),
        ({"request_batch": 101}, "write 1 to 100"),
        ({"request_batch": 2, "plain": True}, "original's form"),
        ({"tries": 0}, "tries is 0"),
        ({"rate": -1}, "rate is -1"),
        ({"rate": float("nan")}, "rate is nan"),
        ({"rate": float("inf")}, "rate is inf"),
        ({"backoff_s": -1}, "backoff_s is -1"),
        ({"stall_s": float("nan")}, "stall_s is nan"),
    ],
)
def test_invalid_options_are_rejected(wrong, said):
    """The error comes before a request and names valid values."""
    with pytest.raises(UsageError, match=said):
        SendOptions(**wrong)


def test_more_senders_than_open_files_are_rejected(monkeypatch):
    """The error comes before connections fail one by one."""
    import resource

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 256))
    with pytest.raises(UsageError, match="fewer chunks"):
        client.submit(
            points(1),
            Api(url="http://127.0.0.1:9", key=ApiKey("")),
            SendOptions(chunks=1_000),
            run_id="r",
            keep=print,
        )
