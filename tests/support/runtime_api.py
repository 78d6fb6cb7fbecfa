"""A stub of Lambda's Runtime API, and of the AWS services that the handlers call, on 127.0.0.1.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import contextlib
import http.server
import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError
from support.fakes import FakeDynamoDB, FakeQueue, FakeTopic

INVOCATION = re.compile(r"/2018-06-01/runtime/invocation/([^/]+)/(response|error)")
PUBLISHED = """<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>
<MessageId>1</MessageId></PublishResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>
</PublishResponse>"""
WAIT_S = 30.0  # for an answer of a slow machine
SETTINGS = (
    "MAX_CHARS=99 PATTERN= FUNCTION_TIMEOUT_S=9 EXPERIMENT_CONTROLS=off QUEUE_URL=http://queue "
    "DEAD_LETTER_QUEUE_URL=http://dead-letter-queue RETRY_DELAY_S=2 MAX_RECEIVES=5 TABLE_NAME=t "
    "PARTIAL_BATCH_RESPONSES=on PERMANENT_AT_ONCE=on ITEM_DAYS=1 TOPIC_ARN=a STACK_NAME=s DIGEST_EXAMPLES=0 "
    "AWS_REGION=eu-west-1 AWS_DEFAULT_REGION=eu-west-1 AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x "
    "AWS_LAMBDA_FUNCTION_NAME=f AWS_LAMBDA_FUNCTION_VERSION=1 AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128 "
    "AWS_LAMBDA_LOG_GROUP_NAME=g AWS_LAMBDA_LOG_STREAM_NAME=s LANG=en_US.UTF-8 TZ=:UTC"
)


class Lambda:
    """One execution environment: AWS's runtime client with a function's folder as task root."""

    def __init__(self, task: Path, handler: str, printed: Path) -> None:
        self.dynamodb, self.queue, self.topic = FakeDynamoDB(), FakeQueue(), FakeTopic()
        self.printed = printed
        self._events: queue.Queue[tuple[str, float, Any]] = queue.Queue()
        self._answers: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._requests())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{self._server.server_port}"
        settings = dict(setting.split("=", 1) for setting in SETTINGS.split())
        with printed.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "awslambdaric", f"{handler}.handler"],
                cwd=task,
                env={
                    **settings,
                    "AWS_LAMBDA_RUNTIME_API": address,
                    "AWS_ENDPOINT_URL": f"http://{address}",
                    "LAMBDA_TASK_ROOT": str(task),
                    "PATH": os.environ["PATH"],
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._count = 0

    def invoke(self, event: Any, *, timeout_s: float = 30.0) -> tuple[str, Any]:
        """Return `response` or `error` and its body."""
        self._count += 1
        self._events.put((f"request-{self._count}", time.time() + timeout_s, event))
        return self.answer()

    def answer(self) -> tuple[str, Any]:
        """Return the next answer of the runtime: of an invocation, or of its init."""
        deadline_s = time.monotonic() + WAIT_S
        while self.process.poll() is None and time.monotonic() < deadline_s:
            with contextlib.suppress(queue.Empty):
                return self._answers.get(timeout=0.2)
        try:
            return self._answers.get(timeout=0.2)
        except queue.Empty:
            printed = self.printed.read_text(errors="replace")[-2000:]
            raise AssertionError(f"no answer; the process is at {self.process.poll()}: {printed}") from None

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._server.shutdown()
        self._server.server_close()

    def _requests(self) -> type[http.server.BaseHTTPRequestHandler]:
        outer = self

        class Requests(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                request_id, deadline, event = outer._events.get()
                headers = {
                    "Content-Type": "application/json",  # without one the runtime client crashes
                    "Lambda-Runtime-Trace-Id": "Root=1-0-0",
                    "Lambda-Runtime-Aws-Request-Id": request_id,
                    "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
                    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:000000000000:function:f",
                }
                self._reply(200, json.dumps(event), headers)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if match := INVOCATION.fullmatch(self.path):
                    self._reply(202, "{}")
                    outer._answers.put((match[2], json.loads(body)))
                elif self.path == "/2018-06-01/runtime/init/error":
                    self._reply(202, "{}")
                    outer._answers.put(("init error", json.loads(body)))
                elif target := self.headers.get("X-Amz-Target"):
                    self._reply(*outer._call(*target.split(".")[-2:], json.loads(body)))
                else:
                    outer.topic.publish(body=body.decode())
                    self._reply(200, PUBLISHED)

            def _reply(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
                content = text.encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

        return Requests

    def _call(self, service: str, operation: str, body: dict[str, Any]) -> tuple[int, str]:
        """Call the fake client of a service that speaks JSON."""
        fake = self.dynamodb if service.startswith("DynamoDB") else self.queue
        try:
            result = getattr(fake, xform_name(operation))(**body)
        except ClientError as error:
            details = error.response["Error"]
            return 400, json.dumps({"__type": details["Code"], "message": details["Message"]})
        return 200, json.dumps(result or {})
