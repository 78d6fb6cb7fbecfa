"""The table's items and the transitions that they allow.

    (nothing)  -> failed attempts appended, no outcome yet
    any        -> stored   final; `duplicates` counts rejected second stores
    no outcome -> dead     and dead -> stored: a redrive, or a late success

Every write is one conditional UpdateItem, so the item keeps its history through every
transition. The history, oldest first:

    attempts  [{cause, class, receive, at, request_id}]  failed; class is application, timeout or poison
    started   [{receive, at, request_id}]                started; only with experiment controls on

receive is the queue's receive count (without a queue the client's try), at the Lambda's clock.
"""

import time
from typing import Any

from botocore.exceptions import ClientError

from lambdist_lib.protocol.contract import APPLICATION, DEAD, STORED, shard_key, without_repeats

PAYLOAD_MAX_BYTES = 80_000
DAY_S = 86_400
NOT_OWN = "NOT (put_at = :put_at AND request_id = :request_id)"


class KeyTakenError(Exception):
    """The item with this key holds the result of another datapoint."""


class Table:
    """One DynamoDB table; items expire `days` after their last write.

    client: `boto3.client("dynamodb")`.
    """

    def __init__(self, client: Any, name: str, days: float) -> None:
        self.client, self.name, self.days = client, name, days

    def store(self, run_id: str, n: int, fields: dict[str, Any]) -> bool:
        """Store the result; returns False for a duplicate, which the item counts.

        Raises:
            KeyTakenError: The stored result has another `digest` than the fields.
        """
        try:
            self._set(run_id, n, {"outcome": STORED, **fields})
        except ClientError as error:
            if not _condition_failed(error):
                raise
            item = self._count_duplicate(run_id, n, fields)
            if item is None:
                return True
            if item.get("digest", {}).get("S", "") not in ("", fields.get("digest")):
                raise KeyTakenError(f"{run_id} {n} holds the result of another datapoint") from None
            return False
        return True

    def record_death(self, run_id: str, n: int, fields: dict[str, Any]) -> dict[str, Any]:
        """Mark dead unless stored; returns the outcome and the item's history."""
        try:
            item = self._set(run_id, n, {"outcome": DEAD, **fields})
        except ClientError as error:
            if not _condition_failed(error):
                raise
            return {"outcome": STORED, "attempts": [], "started": []}
        return history(item)

    def history(self, run_id: str, n: int) -> dict[str, Any]:
        """Read the item's `outcome`, `dead_at`, `attempts` and `started`; None and empty without an item."""
        response = self.client.get_item(
            TableName=self.name,
            Key=_key(run_id, n),
            ProjectionExpression="outcome, attempts, started, dead_at",
            ConsistentRead=True,
        )
        return history(response.get("Item", {}))

    def append_attempt(
        self,
        run_id: str,
        n: int,
        cause: str,
        request_id: str,
        *,
        cause_class: str = APPLICATION,
        receive: int = 1,
    ) -> None:
        """Append a failed attempt to the item: its cause, time and invocation."""
        self._append(
            run_id, n, "attempts", receive, request_id, {"cause": {"S": cause}, "class": {"S": cause_class}}
        )

    def mark_started(self, run_id: str, n: int, request_id: str, receive: int) -> dict[str, Any]:
        """Record that an attempt started; without a later entry its process crashed. Returns the history."""
        return history(self._append(run_id, n, "started", receive, request_id, {}))

    def _append(
        self, run_id: str, n: int, name: str, receive: int, request_id: str, fields: dict[str, Any]
    ) -> dict[str, Any]:
        """Append one entry to a list of the history; returns the whole item."""
        entry = {
            **fields,
            "receive": {"N": str(receive)},
            "at": {"N": f"{time.time():.6f}"},
            "request_id": {"S": request_id},
        }
        response = self.client.update_item(
            TableName=self.name,
            Key=_key(run_id, n),
            UpdateExpression=(
                f"SET {name} = list_append(if_not_exists({name}, :none), :entry), expires_at = :expires_at"
            ),
            ExpressionAttributeValues={
                ":none": {"L": []},
                ":entry": {"L": [{"M": entry}]},
                ":expires_at": {"N": str(self._expires_at())},
            },
            ReturnValues="ALL_NEW",
        )
        item: dict[str, Any] = response["Attributes"]
        return item

    def _set(self, run_id: str, n: int, fields: dict[str, Any]) -> dict[str, Any]:
        """Set fields unless the item is stored; returns the whole item if it dies."""
        fields = {**fields, "expires_at": self._expires_at()}
        removed = " REMOVE payload" if fields["outcome"] == STORED else ""  # room for the result
        response = self.client.update_item(
            TableName=self.name,
            Key=_key(run_id, n),
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in fields) + removed,
            ConditionExpression="attribute_not_exists(#outcome) OR #outcome <> :unless",
            ExpressionAttributeNames={f"#{name}": name for name in fields},
            ExpressionAttributeValues={
                ":unless": {"S": STORED},
                **{f":{name}": _typed(value) for name, value in fields.items()},
            },
            ReturnValues="ALL_NEW" if fields["outcome"] == DEAD else "NONE",
        )
        item: dict[str, Any] = response.get("Attributes", {})
        return item

    def _expires_at(self) -> int:
        return int(time.time() + self.days * DAY_S)

    def _count_duplicate(self, run_id: str, n: int, fields: dict[str, Any]) -> dict[str, Any] | None:
        """Count a rejected store; returns the whole item, None if the stored result is of this very store.

        boto3 sends a call again that got no response, and its first copy may have stored the result.
        """
        own = {f":{name}": _typed(fields[name]) for name in ("put_at", "request_id") if name in fields}
        condition = {"ConditionExpression": NOT_OWN} if len(own) == 2 else {}
        try:
            response = self.client.update_item(
                TableName=self.name,
                Key=_key(run_id, n),
                UpdateExpression="ADD duplicates :one",
                ExpressionAttributeValues={":one": {"N": "1"}, **(own if condition else {})},
                ReturnValues="ALL_NEW",
                **condition,
            )
        except ClientError as error:
            if not _condition_failed(error):
                raise
            return None
        item: dict[str, Any] = response["Attributes"]
        return item


def history(item: dict[str, Any]) -> dict[str, Any]:
    """Convert an item's `outcome`, `dead_at` (or None), `attempts` and `started` to plain values."""
    entries = {
        name: [
            {key: _plain(value) for key, value in entry["M"].items()}
            for entry in without_repeats(item.get(name, {}).get("L", []))
        ]
        for name in ("attempts", "started")
    }
    dead_at = _plain(item["dead_at"]) if "dead_at" in item else None
    return {"outcome": item.get("outcome", {}).get("S"), "dead_at": dead_at, **entries}


def cut_payload(text: str) -> str:
    """Truncate a payload so that the item has room for a result and the history."""
    return text.encode()[:PAYLOAD_MAX_BYTES].decode(errors="ignore")


def _key(run_id: str, n: int) -> dict[str, Any]:
    return {"run_shard": {"S": shard_key(run_id, n)}, "n": {"N": str(n)}}


def _typed(value: object) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, float):
        return {"N": f"{value:.6f}"}
    return {"S": str(value)}


def _plain(value: dict[str, Any]) -> Any:
    if "N" in value:
        return float(value["N"]) if "." in value["N"] else int(value["N"])
    return value["S"]


def _condition_failed(error: ClientError) -> bool:
    return bool(error.response["Error"]["Code"] == "ConditionalCheckFailedException")
