"""Read the mails of the local cloud: digests of dead letters, and alarms.

The emulator sends no e-mail, so a local deploy subscribes a queue to the stack's topic. The queue is
in no template and is deleted with the stack.
"""

import json
from dataclasses import dataclass
from typing import Any

from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment import tags

PREFIX = "lambdist-mail-"  # of the queues' names, before the stack's name
READING_S = 60  # a mail that is being read is hidden for at most this long


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail; `to` has the topic's addresses."""

    id: str
    at: str  # ISO 8601, UTC
    to: tuple[str, ...]
    subject: str
    text: str

    def __str__(self) -> str:
        to = ", ".join(self.to) or "nobody (deploy with --set notify_email=ADDRESS)"
        return f"Date: {self.at}\nTo: {to}\nSubject: {self.subject}\n\n{self.text}\n"


def subscribe(target: Target, stack_name: str, topic_arn: str) -> None:
    """Keep a stack's mails; mails kept before stay."""
    sqs = target.client("sqs")
    marks = {tags.STACK: stack_name, tags.REGION: target.region}
    url = sqs.create_queue(QueueName=PREFIX + stack_name, tags=marks)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    target.client("sns").subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn)


def remove(target: Target, stack_name: str) -> None:
    """Delete a stack's mails; the subscription is deleted with the stack's topic."""
    sqs = target.client("sqs")
    for url in sqs.list_queues(QueueNamePrefix=PREFIX + stack_name).get("QueueUrls", []):
        if url.endswith(f"/{PREFIX}{stack_name}"):
            sqs.delete_queue(QueueUrl=url)


def read(target: Target) -> list[Mail]:
    """Read the mails of all stacks, oldest first, without removing them."""
    sqs = target.client("sqs")
    urls = sqs.list_queues(QueueNamePrefix=PREFIX).get("QueueUrls", [])
    published = [json.loads(body) for url in urls for body in _bodies(sqs, url)]
    addresses = {
        topic: _addresses(target, topic) for topic in {notification["TopicArn"] for notification in published}
    }
    mails = [
        Mail(
            id=notification["MessageId"],
            at=notification["Timestamp"],
            to=addresses[notification["TopicArn"]],
            subject=notification.get("Subject") or "",
            text=notification["Message"],
        )
        for notification in published
    ]
    return sorted(mails, key=lambda mail: mail.at)


def _bodies(sqs: Any, url: str) -> list[str]:
    """The messages of a queue, which are visible again after all are read."""
    messages: list[dict[str, Any]] = []
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=READING_S).get(
        "Messages"
    ):
        messages += found
    for message in messages:
        sqs.change_message_visibility(
            QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )
    return [message["Body"] for message in messages]


def _addresses(target: Target, topic_arn: str) -> tuple[str, ...]:
    pages = target.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
    subscriptions = [subscription for page in pages for subscription in page["Subscriptions"]]
    return tuple(entry["Endpoint"] for entry in subscriptions if entry["Protocol"] == "email")
