"""In-memory stand-ins for the AWS clients that the Lambdas take as arguments."""

import re
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from lambdist_lib.protocol.contract import PermanentError

NOT_OWN = "NOT (put_at = :put_at AND request_id = :request_id)"
STORE_CONDITION = "attribute_not_exists(#outcome) OR #outcome <> :unless"
LIST_APPEND = re.compile(r"list_append\(if_not_exists\((\w+), (:\w+)\), (:\w+)\)")

CONTEXT = SimpleNamespace(aws_request_id="request-1", get_remaining_time_in_millis=lambda: 30_000)
INVOCATION = {"request_id": "request-1", "environment_id": "e1", "cold": False, "init_s": 0.1}


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "refused by the fake"}}, "Fake")


class AbsentExecution(Exception):
    """What boto3 raises for an execution that does not exist."""


class FakeDynamoDB:
    """The part of DynamoDB that `items.py` uses; it rejects writes to the datapoints in `refuses`."""

    def __init__(self, refuses: set[int] = frozenset()) -> None:
        self.items: dict[tuple[str, int], dict[str, Any]] = {}
        self.refuses = refuses

    def update_item(
        self,
        *,
        TableName: str,
        Key: dict[str, Any],
        UpdateExpression: str,
        ExpressionAttributeValues: dict[str, Any],
        ConditionExpression: str | None = None,
        ExpressionAttributeNames: dict[str, str] | None = None,
        ReturnValues: str = "NONE",
    ) -> dict[str, Any]:
        names, values = ExpressionAttributeNames or {}, ExpressionAttributeValues
        key = Key["run_shard"]["S"], int(Key["n"]["N"])
        if key[1] in self.refuses:
            raise refusal("ProvisionedThroughputExceededException")
        item = self.items.get(key, {})
        if ConditionExpression == NOT_OWN:
            if all(item.get(name) == values[f":{name}"] for name in ("put_at", "request_id")):
                raise refusal("ConditionalCheckFailedException")
        elif ConditionExpression is not None:
            assert ConditionExpression == STORE_CONDITION
            if item.get(names["#outcome"]) == values[":unless"]:
                raise refusal("ConditionalCheckFailedException")
        item = {**Key, **item}
        expression, _, removed = UpdateExpression.partition(" REMOVE ")
        item.pop(removed, None)
        verb, _, actions = expression.partition(" ")
        for action in re.split(r", (?=#?\w+ =)", actions):
            if verb == "ADD":
                name, value = action.split()
                old = int(item.get(name, {"N": "0"})["N"])
                item[name] = {"N": str(old + int(values[value]["N"]))}
                continue
            name, value = action.split(" = ", 1)
            name = names.get(name, name)
            if append := LIST_APPEND.fullmatch(value):
                item[name] = {"L": item.get(append[1], values[append[2]])["L"] + values[append[3]]["L"]}
            else:
                item[name] = values[value]
        self.items[key] = item
        return {"Attributes": item} if ReturnValues == "ALL_NEW" else {}

    def get_item(self, *, TableName: str, Key: dict[str, Any], **how: Any) -> dict[str, Any]:
        key = Key["run_shard"]["S"], int(Key["n"]["N"])
        if key[1] in self.refuses:
            raise refusal("ProvisionedThroughputExceededException")
        return {"Item": self.items[key]} if key in self.items else {}

    def item(self, run_id: str, n: int) -> dict[str, Any]:
        """An item's fields without DynamoDB's types; {} without an item."""
        return {
            name: _untyped(value) for name, value in self.items.get((f"{run_id}#{n % 16}", n), {}).items()
        }

    def outcomes(self) -> dict[int, str | None]:
        return {n: item.get("outcome", {}).get("S") for (_, n), item in self.items.items()}


def _untyped(value: dict[str, Any]) -> Any:
    [(kind, content)] = value.items()
    if kind == "L":
        return [_untyped(one) for one in content]
    if kind == "M":
        return {name: _untyped(one) for name, one in content.items()}
    return float(content) if kind == "N" else content


class FakeQueue:
    """The part of SQS that the handlers use.

    Args:
        refuses: Names of the calls that raise.
        refuses_batches: Numbers of the calls of SendMessageBatch that raise, from 0.
        refuses_data: What SendMessageBatch answers as Failed, by the datapoint's text.
    """

    def __init__(
        self,
        refuses: set[str] = frozenset(),
        refuses_batches: set[int] = frozenset(),
        refuses_data: set[str] = frozenset(),
    ) -> None:
        self.refuses, self.refuses_batches, self.refuses_data = refuses, refuses_batches, refuses_data
        self.sent: list[dict[str, Any]] = []
        self.batches: list[int] = []
        self.delays_s: dict[str, int] = {}
        self.deleted: list[str] = []

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        self.batches.append(len(Entries))
        assert 1 <= len(Entries) <= 10
        if len(self.batches) - 1 in self.refuses_batches:
            raise refusal("ServiceUnavailable")
        response: dict[str, Any] = {}
        for entry in Entries:
            if any(f'"data": "{data}"' in entry["MessageBody"] for data in self.refuses_data):
                failure = {"Id": entry["Id"], "Message": "refused by the fake"}
                response.setdefault("Failed", []).append(failure)
            else:
                self.sent.append({"QueueUrl": QueueUrl, **entry})
                response.setdefault("Successful", []).append({"Id": entry["Id"]})
        return response

    def send_message(self, **message: Any) -> None:
        if "send_message" in self.refuses:
            raise refusal("ServiceUnavailable")
        self.sent.append(message)

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:
        if "change_message_visibility" in self.refuses:
            raise refusal("ServiceUnavailable")
        self.delays_s[ReceiptHandle] = VisibilityTimeout

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> None:
        self.deleted.append(ReceiptHandle)


class FakeTopic:
    """SNS: it keeps published messages, or rejects them."""

    def __init__(self, refuses: bool = False) -> None:
        self.refuses = refuses
        self.published: list[dict[str, str]] = []

    def publish(self, **message: str) -> None:
        if self.refuses:
            raise refusal("Throttled")
        self.published.append(message)


def process_by_word(data: str) -> str:
    """transient and permanent fail, everything else succeeds."""
    if data == "transient":
        raise ValueError("not now")
    if data == "permanent":
        raise PermanentError("never")
    return f"{data}_processed"
