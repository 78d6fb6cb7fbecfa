"""The mails that the local cloud would have sent: digests of dead letters, and alarms.

The local cloud has no post. So a deploy there subscribes a queue to the stack's topic, which
gets what an address would get; it goes with the stack, and is in no template.
"""

import json
from dataclasses import dataclass
from typing import Any

from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment import tags

PREFIX = "lambdist-mail-"  # of the queues' names, before the stack's
READING_S = 60  # a mail that is read is hidden for so long, unless it is put back sooner


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail: when it was published, and to which addresses of the topic it would have gone."""

    id: str
    at: str  # ISO 8601, UTC
    to: tuple[str, ...]
    subject: str
    text: str

    def __str__(self) -> str:
        to = ", ".join(self.to) or "nobody (deploy with --set notify_email=ADDRESS)"
        return f"Date: {self.at}\nTo: {to}\nSubject: {self.subject}\n\n{self.text}\n"


def subscribe(target: Target, stack_name: str, topic_arn: str) -> None:
    """Have a stack's mails kept; what is kept already stays."""
    sqs = target.client("sqs")
    marks = {tags.STACK: stack_name, tags.REGION: target.region}
    url = sqs.create_queue(QueueName=PREFIX + stack_name, tags=marks)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    target.client("sns").subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn)


def remove(target: Target, stack_name: str) -> None:
    """Drop a stack's mails; its topic, which goes with the stack, takes the subscription along."""
    sqs = target.client("sqs")
    for url in sqs.list_queues(QueueNamePrefix=PREFIX + stack_name).get("QueueUrls", []):
        if url.endswith(f"/{PREFIX}{stack_name}"):
            sqs.delete_queue(QueueUrl=url)


def read(target: Target) -> list[Mail]:
    """All mails of all stacks, oldest first; they stay where they are."""
    sqs = target.client("sqs")
    urls = sqs.list_queues(QueueNamePrefix=PREFIX).get("QueueUrls", [])
    published = [json.loads(body) for url in urls for body in _bodies(sqs, url)]
    addresses = {topic: _addresses(target, topic) for topic in {one["TopicArn"] for one in published}}
    mails = [
        Mail(
            id=one["MessageId"],
            at=one["Timestamp"],
            to=addresses[one["TopicArn"]],
            subject=one.get("Subject") or "",
            text=one["Message"],
        )
        for one in published
    ]
    return sorted(mails, key=lambda mail: mail.at)


def _bodies(sqs: Any, url: str) -> list[str]:
    """What a queue holds, which is put back when all is read."""
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
    found = [one for page in pages for one in page["Subscriptions"]]
    return tuple(one["Endpoint"] for one in found if one["Protocol"] == "email")
