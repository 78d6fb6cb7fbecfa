"""The queue's messages: what one says, and what may be done with it."""

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
BEFORE = "receives_before"  # attribute of a message that was handed on: receives of those before it


class Message:
    """One record of the event source mapping. Its key is in its attributes, whatever its body is."""

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
        return int(self._attribute(BEFORE) or 0)

    @property
    def attempt(self) -> int:
        """Number of this attempt at the datapoint."""
        return self.receives_before + self.receives

    @property
    def is_last(self) -> bool:
        """Whether the queue gives the message up if it fails now."""
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
        """The datapoint, and what the way here has measured.

        Raises:
            ValueError, KeyError, TypeError, RecursionError: It is not what a collector writes.
        """
        fields, sent = json.loads(self.record["body"]), self.record["attributes"]
        names = ("run_id", "n", "data", "work", "fault", "received_at")
        datapoint = Datapoint(attempt=self.attempt, **{name: fields[name] for name in names})
        texts = (datapoint.run_id, datapoint.data, datapoint.work, datapoint.fault)
        if not is_count(datapoint.n) or not all(isinstance(text, str) for text in texts):
            raise ValueError("its fields are not of a collector's types")
        return datapoint, {
            "queued_at": self.sent_at,
            "first_received_at": int(sent["ApproximateFirstReceiveTimestamp"]) / 1000,
            "receives": self.attempt,
            "collector_request_id": fields["collector"]["request_id"],
        }

    def _attribute(self, name: str) -> str:
        return self.attributes.get(name, {}).get("stringValue") or ""


class Queues:
    """The queue and its dead-letter queue; `client` is `boto3.client("sqs")`."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def bury(self, message: Message, cause: str, cause_class: str) -> None:
        """Send a hopeless message to the dead-letter queue with its cause; SQS then forgets the original.

        JSON keeps the cause in ASCII: an attribute must not hold every character that a message may.
        """
        more: dict[str, str | int] = {
            "cause": json.dumps(cause),
            "class": cause_class,
            "receives": message.attempt,
        }
        self._send(DEAD_LETTER_QUEUE_URL, message, more)

    def hand_on(self, message: Message) -> bool:
        """Put a copy that was never tried in the place of a message whose receives are spent.

        False if the queue refuses: then the message is still there, as it was.
        """
        try:
            self._send(QUEUE_URL, message, {BEFORE: message.attempt})
            self.client.delete_message(QueueUrl=QUEUE_URL, ReceiptHandle=message.record["receiptHandle"])
        except Exception as error:
            print(log_line("hand_on_refused", function="processor", error=repr(error)))
            return False
        return True

    def release(self, message: Message, *, at_once: bool = False) -> None:
        """Make a failed message visible after a doubling delay, not after the whole visibility timeout."""
        delay_s = min(RETRY_DELAY_S * 2 ** (message.receives - 1), RETRY_DELAY_MAX_S) * random.uniform(0.5, 1)
        if at_once or message.is_last:  # after the last the queue's next look moves it to the dead letters
            delay_s = 0
        try:
            self.client.change_message_visibility(
                QueueUrl=QUEUE_URL,
                ReceiptHandle=message.record["receiptHandle"],
                VisibilityTimeout=round(delay_s),
            )
        except Exception as error:  # then it comes back after the visibility timeout: later, not lost
            print(log_line("release_refused", function="processor", error=repr(error)))

    def _send(self, url: str, message: Message, more: dict[str, str | int]) -> None:
        attributes = {
            name: {"DataType": value["dataType"], "StringValue": value["stringValue"]}
            for name, value in message.attributes.items()
            if "stringValue" in value
        }
        for name, content in more.items():
            kind = "Number" if isinstance(content, int) else "String"
            attributes[name] = {"DataType": kind, "StringValue": str(content)}
        self.client.send_message(
            QueueUrl=url, MessageBody=message.record["body"], MessageAttributes=attributes
        )
