"""The engine against servers that behave badly, one behaviour at a time."""

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

import psutil
import pytest
from support.sending import FAST, PASSING, points, require_coherent
from support.servers import Exchange, Hostile, serving

from lambdist_lib.cloud.api import Api, ApiKey
from lambdist_lib.data import datapoints
from lambdist_lib.errors import UsageError
from lambdist_lib.submission import client
from lambdist_lib.submission.http import Timeouts
from lambdist_lib.submission.receipts import Receipt, SendOptions, SubmissionCounts


def submitted(api: Api, lines, **plan) -> tuple[SubmissionCounts, list[Receipt]]:
    """Submit and hold the result to what is always true."""
    receipts: list[Receipt] = []
    tally = client.submit(lines, api, SendOptions(**{**FAST, **plan}), run_id="r", keep=receipts.extend)
    require_coherent(tally, receipts, {line.n for line in lines})
    return tally, receipts


def once(behave, then=Exchange.accept):
    """A script that behaves badly on the first request of every datapoint."""
    seen: set[tuple[int, ...]] = set()
    lock = threading.Lock()

    def script(exchange: Exchange) -> None:
        with lock:
            first = tuple(exchange.ns) not in seen
            seen.add(tuple(exchange.ns))
        (behave if first else then)(exchange)

    return script


@pytest.mark.parametrize("behave", PASSING.values(), ids=PASSING)
def test_what_may_pass_is_sent_again(behave):
    """A bad answer to the first request of each datapoint: the second one settles it."""
    with Hostile(once(behave)) as server:
        tally, receipts = submitted(server.api, points(6), chunks=3)

    assert tally.accepted == 6
    assert set(server.accepted) == set(range(6))
    assert tally.stopped == ""
    assert max(receipt.tries for receipt in receipts) <= 3


@pytest.mark.parametrize("behave", PASSING.values(), ids=PASSING)
def test_what_does_not_pass_ends(behave):
    """The same bad answer for ever: tries are bounded, and only what may be accepted is unknown."""
    with Hostile(behave) as server:
        tally, receipts = submitted(server.api, points(3), chunks=3, tries=3, stall_s=0.5)

    assert tally.accepted == 0
    last = {receipt.n: receipt.verdict for receipt in receipts}
    assert all(last[n] == "unknown" for n in server.accepted)
    assert server.requests < 150


def test_a_wrong_answer_can_neither_accept_nor_reject_others():
    """Numbers that the request did not carry, and repeats, change nothing."""

    def script(exchange: Exchange) -> None:
        [n] = exchange.ns
        exchange.server.take([n])
        others = [{"n": other, "reason": "nonsense"} for other in range(5) if other != n]
        exchange.reply(200, {"accepted": [n, n, n], "rejected": others})

    with Hostile(script) as server:
        tally, _ = submitted(server.api, points(5))

    assert tally.accepted == 5


def test_a_batch_is_judged_one_by_one():
    """Accepted, rejected, dead and asked for again may stand in one answer."""

    def script(exchange: Exchange) -> None:
        if exchange.ns == [3]:
            exchange.accept()
            return
        body = {"stored": [0], "rejected": [{"n": 1, "reason": "bad\x1b[31m"}], "dead": [2], "retry": [3]}
        exchange.reply(200, body)

    with Hostile(script) as server:
        tally, receipts = submitted(server.api, points(4), request_batch=4)

    assert (tally.accepted, tally.rejected, tally.dead, tally.retries) == (2, 1, 1, 1)
    assert next(receipt.cause for receipt in receipts if receipt.n == 1) == "bad [31m"
    assert server.exchanges[1].content["datapoints"] == [{"n": 3, "data": "word-3", "attempt": 2}]


@pytest.mark.parametrize("status", [400, 405, 409, 413, 415, 422])
def test_other_client_errors_are_final(status):
    """A 4xx says that the request is wrong: it is never sent again."""
    with Hostile(lambda exchange: exchange.reply(status, {"message": "Failed: no"})) as server:
        tally, receipts = submitted(server.api, points(4), chunks=2)

    assert (tally.rejected, server.requests) == (4, 4)
    assert receipts[0].cause == f"HTTP {status}: Failed: no"


@pytest.mark.parametrize("status", [301, 401, 403, 404])
def test_an_api_that_refuses_us_ends_the_run(status):
    """A wrong key or place stays wrong: the run stops and says so."""
    with Hostile(lambda exchange: exchange.reply(status, {"message": "Forbidden"})) as server:
        tally, _ = submitted(server.api, points(50), chunks=2)

    assert (tally.refused, server.requests) == (50, 2)
    assert tally.stopped == f"the API refuses this client (HTTP {status}: Forbidden)"


def test_a_spent_quota_ends_the_run_at_once():
    """What was accepted before is known, the rest is surely unsent; nothing is tried again."""

    def script(exchange: Exchange) -> None:
        if exchange.number < 10:
            exchange.accept()
        else:
            exchange.reply(429, {"message": "Limit Exceeded"})

    with Hostile(script) as server:
        tally, _ = submitted(server.api, points(40), chunks=4)

    assert (tally.accepted, tally.refused, tally.unknown) == (10, 30, 0)
    assert "quota is spent" in tally.stopped
    assert server.requests <= 10 + 4


def test_an_account_that_serves_ten_at_once_finishes():
    """A hundred senders find the bound, stay near it, and waste few requests."""
    with Hostile(serving(10, 0.02)) as server:
        tally, receipts = submitted(server.api, points(600), chunks=100)

    assert tally.accepted == 600
    assert server.requests < 1.5 * 600
    assert min(receipt.senders for receipt in receipts) < 20


def test_503_for_a_while_is_outlasted():
    """An API that is down and comes back costs no datapoint its tries, and is left alone meanwhile."""
    began_s = time.perf_counter()

    def script(exchange: Exchange) -> None:
        if time.perf_counter() - began_s < 1.5:
            exchange.reply(503, {"message": "Service Unavailable"})
        else:
            exchange.accept()

    with Hostile(script) as server:
        tally, _ = submitted(server.api, points(200), chunks=50, tries=2, backoff_s=0.05, backoff_max_s=0.4)

    assert tally.accepted == 200
    assert server.requests < 200 + 50 + 100


@pytest.mark.parametrize("as_date", [False, True], ids=["seconds", "date"])
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_obeyed(status, as_date):
    """Whether it comes in seconds or as a date: no second try before."""

    def behave(exchange: Exchange) -> None:
        wait = email.utils.formatdate(time.time() + 2, usegmt=True) if as_date else "1"
        exchange.reply(status, {"message": "later"}, retry_after=wait)

    with Hostile(once(behave)) as server:
        tally, _ = submitted(server.api, points(1))

    first, second = server.exchanges
    assert tally.accepted == 1
    assert second.at_s - first.at_s >= 0.95


def test_an_endless_retry_after_ends_the_run():
    """Who asks to wait an hour is not waited for."""
    with Hostile(lambda e: e.reply(429, {"message": "later"}, retry_after="3600")) as server:
        tally, _ = submitted(server.api, points(5), chunks=1)

    assert (tally.refused, server.requests) == (5, 1)
    assert "asks to wait 3,600 s" in tally.stopped


def test_delays_double_with_full_jitter():
    """The bound of the delay doubles by try up to its maximum; the delay is drawn below it."""
    with Hostile(lambda exchange: exchange.reply(502, {})) as server:
        submitted(server.api, points(1), tries=5, backoff_s=0.1, backoff_max_s=0.3)

    at_s = [exchange.at_s for exchange in server.exchanges]
    delays_s = [after - before for before, after in itertools.pairwise(at_s)]
    assert len(delays_s) == 4
    assert all(
        delay_s < bound_s + 0.25 for delay_s, bound_s in zip(delays_s, [0.1, 0.2, 0.3, 0.3], strict=True)
    )


def test_the_retry_budget_ends_a_hopeless_run(monkeypatch):
    """Datapoints that are sent again for ever and never settle do not go on for ever."""
    monkeypatch.setattr(client, "RETRIES_FREE", 20)
    retry = lambda e: e.reply(200, {"accepted": [], "retry": e.ns})  # noqa: E731
    with Hostile(retry) as server:
        tally, _ = submitted(server.api, points(50), chunks=2, tries=1_000, retry_budget=1)

    assert tally.stopped.startswith("the retry budget is spent")
    assert tally.refused == 50
    assert server.requests < 100


def test_nobody_listens():
    """A refused connection took nothing: all is surely unsent, and the run ends soon."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    tally, receipts = submitted(
        Api(url=f"http://127.0.0.1:{port}/", key=ApiKey("k")), points(20), chunks=5, stall_s=0.5
    )

    assert (tally.refused, tally.unknown) == (20, 0)
    assert "served nothing" in tally.stopped
    assert "libcurl 7" in tally.stopped
    assert len(receipts) < 200


def test_a_name_that_does_not_exist():
    """DNS failure: nothing was sent, and the run says what is wrong."""
    tally, _ = submitted(
        Api(url="http://nowhere.invalid/", key=ApiKey("k")), points(3), chunks=1, stall_s=0.3
    )

    assert (tally.refused, tally.unknown) == (3, 0)
    assert "nowhere.invalid" in tally.stopped


def test_a_certificate_that_nobody_signed(tmp_path):
    """TLS is verified: the run stops at once, and nothing was sent."""
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
        tally, _ = submitted(api, points(5), chunks=1)
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()

    assert (tally.refused, len(handshakes)) == (5, 1)
    assert "cannot be reached" in tally.stopped


def _self_signed(folder: Path) -> Path:
    if not shutil.which("openssl"):
        pytest.skip("no openssl to make a certificate with")
    both = folder / "both.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -keyout - -out -"
    made = subprocess.run(command.split(), capture_output=True, check=True)
    both.write_bytes(made.stdout)
    return both


def test_a_server_that_restarts_in_the_middle():
    """Connections are lost, nobody listens for a while, another process answers: nothing is lost."""
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
    tally, receipts = submitted(first.api, points(800), chunks=10, backoff_max_s=0.2)
    thread.join()
    second[0].stop()
    took = first.accepted + second[0].accepted

    assert tally.accepted == 800
    assert set(took) == set(range(800))
    assert tally.retries > 0
    assert {receipt.status for receipt in receipts if receipt.verdict == "retry"} == {0}


def test_a_kept_connection_that_dies_is_not_taken_for_a_refusal():
    """The server takes a request on a kept connection and is gone: it may have been accepted."""

    def script(exchange: Exchange) -> None:
        if exchange.number == 0:
            exchange.accept()
            return
        exchange.server.take(exchange.ns)
        exchange.server._listener.shutdown(socket.SHUT_RDWR)
        exchange.reset()

    with Hostile(script) as server:
        tally, _receipts = submitted(server.api, points(2), chunks=1, stall_s=0.3)

    assert (tally.accepted, tally.unknown) == (1, 1)


def test_the_deadline_ends_all():
    """What is under way then may be accepted, what waits is unsent."""
    with Hostile(Exchange.hang) as server:
        began_s = time.perf_counter()
        tally, _ = submitted(
            server.api, points(20), chunks=4, deadline_s=0.5, timeouts=Timeouts(request_s=30)
        )
        took_s = time.perf_counter() - began_s

    assert (tally.unknown, tally.refused) == (4, 16)
    assert tally.stopped == "the deadline of 0.5 s passed"
    assert 0.4 < took_s < 1.5


def test_lines_that_are_no_datapoints_are_kept_and_never_sent():
    """Their receipts say why."""
    lines = datapoints.from_iterable(["good", "bad\x01", "", "good"])
    with Hostile() as server:
        tally, receipts = submitted(server.api, lines)

    assert (tally.accepted, tally.rejected, sorted(server.accepted)) == (2, 2, [0, 3])
    assert {receipt.n: receipt.cause for receipt in receipts if receipt.verdict == "rejected"}[
        2
    ] == "is empty"


def test_the_original_form_goes_to_any_api():
    """One datapoint per POST, and a 200 that does not confess a failure is an acceptance."""

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
        tally, _ = submitted(server.api, points(5), plain=True, tries=2)

    assert (tally.accepted, tally.unknown, tally.rejected) == (2, 2, 1)
    assert server.exchanges[0].content == {"data": "word-0"}
    assert server.exchanges[0].headers["x-api-key"] == "secret"


def test_no_key_sends_no_header():
    """An API without keys is not sent an empty one."""
    with Hostile() as server:
        submitted(Api(url=server.api.url, key=ApiKey("")), points(1))

    assert "x-api-key" not in server.exchanges[0].headers


# -- open loop ---------------------------------------------------------------------------


def test_a_stall_shows_in_the_latency_from_the_intended_send():
    """Coordinated omission: one slow answer delays all that were due meanwhile, and they say so."""

    def script(exchange: Exchange) -> None:
        if exchange.number == 20:
            time.sleep(0.5)
        exchange.accept()

    with Hostile(script) as server:
        _, receipts = submitted(server.api, points(100), chunks=1, rate=100, timeouts=Timeouts(request_s=5))

    from_intended = sorted(receipt.answered_at - receipt.intended_at for receipt in receipts)
    from_sent = sorted(receipt.answered_at - receipt.sent_at for receipt in receipts)
    assert from_sent[-2] < 0.2  # one request was slow
    assert from_intended[-20] > 0.2  # but many datapoints waited
    steps = [b.intended_at - a.intended_at for a, b in itertools.pairwise(receipts)]
    assert steps == pytest.approx([0.01] * 99, abs=1e-5)


def test_a_rate_is_kept():
    """No faster than asked for, and with enough senders no slower."""
    with Hostile(lambda exchange: (time.sleep(0.02), exchange.accept())) as server:
        _, receipts = submitted(server.api, points(60), chunks=20, rate=100)

    span_s = receipts[-1].sent_at - receipts[0].sent_at
    assert 0.55 < span_s < 0.9
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


def test_an_interrupt_ends_within_a_second():
    """In-flight requests get their receipts, the handler is as it was."""
    before = signal.getsignal(signal.SIGINT)
    receipts: list[Receipt] = []
    with Hostile(Exchange.hang) as server:
        thread = interrupt_after(0.3)
        began_s = time.perf_counter()
        with pytest.raises(KeyboardInterrupt):
            client.submit(points(30), server.api, SendOptions(chunks=7), run_id="r", keep=receipts.extend)
        took_s = time.perf_counter() - began_s
        thread.join()

    assert 0.3 <= took_s < 1.3
    assert signal.getsignal(signal.SIGINT) is before
    counts = collections.Counter((receipt.verdict, receipt.cause) for receipt in receipts)
    assert counts[("unknown", "interrupted")] == 7
    assert all(receipt.verdict in ("unknown", "refused") for receipt in receipts)


def test_two_interrupts_are_one():
    """A second Ctrl-C while the first is being obeyed does no harm."""
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


def test_an_interrupt_is_heard_among_rejected_lines():
    """A file of a million lines that are no datapoints does not make it deaf."""

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

    assert time.perf_counter() - began_s < 1.5


def test_it_works_in_any_thread():
    """Only the main thread may have signal handlers; the others do without."""
    results = []
    with Hostile() as server:
        thread = threading.Thread(target=lambda: results.append(submitted(server.api, points(10))[0]))
        thread.start()
        thread.join()

    assert results[0].accepted == 10


# -- resources ---------------------------------------------------------------------------


def test_nothing_stays_open():
    """Sockets, epoll and the rest are closed, also after an error in the middle."""
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


def test_while_nothing_can_be_sent_the_processor_rests():
    """Waiting for answers or for a delay's end is no busy loop."""
    with Hostile(once(lambda e: e.reply(503, {}), lambda e: (time.sleep(0.5), e.accept()))) as server:
        began_s = time.process_time()
        submitted(server.api, points(20), chunks=1, timeouts=Timeouts(request_s=5), deadline_s=2.0)

    assert time.process_time() - began_s < 0.5


def test_waiting_datapoints_do_not_pile_up(monkeypatch):
    """While many wait for another try, no new ones are sent: memory stays bounded, and the API in peace."""
    monkeypatch.setattr(client, "WAITING_MOST", 10)

    with Hostile(lambda exchange: exchange.reply(502, {})) as server:
        submitted(server.api, points(500), chunks=1, deadline_s=0.5, backoff_s=60, backoff_max_s=60)

    assert server.requests < 20


# -- the plan ----------------------------------------------------------------------------


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
def test_a_wrong_plan_is_refused(wrong, said):
    """Before anything is sent, in words that say what to write."""
    with pytest.raises(UsageError, match=said):
        SendOptions(**wrong)


def test_more_senders_than_files_are_refused(monkeypatch):
    """A clear word instead of connections that fail one by one."""
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
