"""The queue's messages, and the ways to release, requeue or dead-letter one."""

import environment

import json
import os
import random
from functools import cached_property
from typing import Any

from lambdist_lib.protocol.contract import Datapoint, is_count, log_line

QUEUE_URL = os.environ["QUEUE_URL"]
DEAD_LETTER_QUEUE_URL = os.environ["DEAD_LETTER_QUEUE_URL"]
RETRY_DELAY_S = float(os.environ["RETRY_DELAY_S"])
RETRY_DELAY_MAX_S = 900
MAX_RECEIVES = int(os.environ["MAX_RECEIVES"])
RECEIVES_BEFORE = "receives_before"  # attribute of a requeued copy: receives of the messages before it


class Message:
    """One record of the event source mapping; its key is in its attributes, not only in its body."""

    def __init__(self, record: dict[str, Any]) -> None:
        self.record = record
        self.id: str = record["messageId"]
        self.receives = int(record["attributes"]["ApproximateReceiveCount"])
        self.attributes: dict[str, dict[str, Any]] = record.get("messageAttributes", {})

    @property
    def sent_at(self) -> float:
        return int(self.record["attributes"]["SentTimestamp"]) / 1000

    @property
    def receives_before(self) -> int:
        return int(self._attribute(RECEIVES_BEFORE) or 0)

    @property
    def attempt(self) -> int:
        """Number of this attempt at the datapoint."""
        return self.receives_before + self.receives

    @property
    def is_last(self) -> bool:
        """Whether SQS moves the message to the dead-letter queue if it fails now."""
        return self.receives >= MAX_RECEIVES

    @property
    def run_id(self) -> str:
        return self._attribute("run_id")

    @cached_property
    def n(self) -> int:
        """The datapoint's number, -1 where the attributes have none."""
        text = self._attribute("n")
        return int(text) if text.isdecimal() else -1

    @property
    def has_key(self) -> bool:
        return bool(self.run_id) and self.n >= 0

    def read(self) -> tuple[Datapoint, dict[str, Any]]:
        """Parse the datapoint and the times measured before this Lambda.

        Raises:
            ValueError, KeyError, TypeError, RecursionError: The body is not a datapoint's.
        """
        fields, sent = json.loads(self.record["body"]), self.record["attributes"]
        collector = fields.get("collector", {}) if isinstance(fields, dict) else None
        if not isinstance(collector, dict):
            raise ValueError("not an object")
        fields["received_at"] = fields.get("received_at") or self.sent_at  # no Lambda received it before
        names = ("run_id", "n", "data", "work", "fault", "received_at")
        datapoint = Datapoint(attempt=self.attempt, **{name: fields[name] for name in names})
        texts = (datapoint.run_id, datapoint.data, datapoint.work, datapoint.fault)
        if (
            not is_count(datapoint.n)
            or not all(isinstance(text, str) for text in texts)
            or type(datapoint.received_at) not in (int, float)
        ):
            raise ValueError("fields of a wrong type")
        return datapoint, {
            "queued_at": self.sent_at,
            "first_received_at": int(sent["ApproximateFirstReceiveTimestamp"]) / 1000,
            "receives": self.attempt,
            "collector_request_id": collector.get("request_id", ""),
        }

    def _attribute(self, name: str) -> str:
        return self.attributes.get(name, {}).get("stringValue") or ""


class Queues:
    """The queue and its dead-letter queue; `client` is `boto3.client("sqs")`."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def send_to_dead_letter_queue(self, message: Message, cause: str, cause_class: str) -> None:
        """Copy a permanently failed message with its cause to the dead-letter queue.

        JSON keeps the cause in ASCII: attributes allow fewer characters than bodies.
        """
        attributes: dict[str, str | int] = {
            "cause": json.dumps(cause),
            "class": cause_class,
            "receives": message.attempt,
        }
        self._send(DEAD_LETTER_QUEUE_URL, message, attributes)

    def requeue_copy(self, message: Message) -> bool:
        """Replace a message at its last receive by a copy with no receives.

        Returns:
            False if the queue rejects it; the message then stays as it was.
        """
        try:
            self._send(QUEUE_URL, message, {RECEIVES_BEFORE: message.attempt})
            self.client.delete_message(QueueUrl=QUEUE_URL, ReceiptHandle=message.record["receiptHandle"])
        except Exception as error:
            environment.log(log_line("requeue_refused", function="processor", error=repr(error)))
            return False
        return True

    def release(self, message: Message, *, at_once: bool = False) -> None:
        """Make a failed message visible after a doubling delay instead of the visibility timeout."""
        delay_s = min(RETRY_DELAY_S * 2 ** (message.receives - 1), RETRY_DELAY_MAX_S) * random.uniform(0.5, 1)
        if at_once or message.is_last:  # SQS moves it to the dead-letter queue at its next receive
            delay_s = 0
        try:
            self.client.change_message_visibility(
                QueueUrl=QUEUE_URL,
                ReceiptHandle=message.record["receiptHandle"],
                VisibilityTimeout=round(delay_s),
            )
        except Exception as error:  # it returns after the visibility timeout: later, not lost
            environment.log(log_line("release_refused", function="processor", error=repr(error)))

    def _send(self, url: str, message: Message, additional: dict[str, str | int]) -> None:
        attributes = {
            name: {"DataType": value["dataType"], "StringValue": value["stringValue"]}
            for name, value in message.attributes.items()
            if "stringValue" in value
        }
        for name, content in additional.items():
            kind = "Number" if isinstance(content, int) else "String"
            attributes[name] = {"DataType": kind, "StringValue": str(content)}
        self.client.send_message(
            QueueUrl=url, MessageBody=message.record["body"], MessageAttributes=attributes
        )
