"""A deep queue of the local cloud does what the emulator's own does, without a look at all its messages."""

import asyncio
import importlib.util
import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdist_lib import paths
from lambdist_lib.cloud import emulator_queue

original = pytest.importorskip("ministack.services.sqs")
MAX_RECEIVES = 3
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(0, 3)),
        st.tuples(st.just("receive"), st.integers(1, 4)),
        st.tuples(st.sampled_from(["delete", "delete here", "release", "hide"]), st.integers(0, 5)),
    ),
    max_size=40,
)


class Emulator:
    """A module of the emulator's queues with one queue and its dead-letter queue."""

    def __init__(self, *, patched):
        spec = importlib.util.spec_from_file_location("sqs_copy", original.__file__)
        self.sqs = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.sqs)
        if patched:
            emulator_queue.patch(self.sqs)
        self.dead_url = self.call("CreateQueue", QueueName="dead")["QueueUrl"]
        [arn] = self.call("GetQueueAttributes", QueueUrl=self.dead_url, AttributeNames=["QueueArn"])[
            "Attributes"
        ].values()
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": MAX_RECEIVES})
        self.url = self.call("CreateQueue", QueueName="queue", Attributes={"RedrivePolicy": policy})[
            "QueueUrl"
        ]
        self.sent, self.handles = 0, []

    def call(self, action, **fields):
        return asyncio.run(self.sqs._dispatch(action, fields, ""))

    def step(self, action, number):
        """Do one step; returns what it shows."""
        if action == "send":
            for _ in range(number):
                self.sent += 1
                self.call("SendMessage", QueueUrl=self.url, MessageBody=f"body {self.sent}")
            return []
        if action == "receive":
            received = self.sqs._receive_messages_for_esm(self.url, number)
            self.handles += [message["receipt_handle"] for message in received]
            return [(message["body"], message["receive_count"]) for message in received]
        if not self.handles:
            return []
        handle = self.handles.pop(number % len(self.handles))
        if action == "delete":
            self.sqs._delete_messages_for_esm(self.url, {handle, "unknown"})
            return []
        fields = {} if action == "delete here" else {"VisibilityTimeout": 0 if action == "release" else 30}
        name = "DeleteMessage" if action == "delete here" else "ChangeMessageVisibility"
        try:
            return self.call(name, QueueUrl=self.url, ReceiptHandle=handle, **fields)
        except self.sqs._Err as error:  # it has been released, and was received again
            return error.code

    def counts(self, url):
        attributes = self.call("GetQueueAttributes", QueueUrl=url)["Attributes"]
        return [int(value) for name, value in attributes.items() if name.startswith("ApproximateNumber")]

    def dead(self):
        """Release all, take all that is left, and return the dead."""
        for message in self.sqs._queues[self.url]["messages"]:
            message["visible_at"] = 0
        while self.step("receive", 10):
            pass
        messages = self.sqs._queues[self.dead_url]["messages"]
        return [(message["body"], message["sys"]["DeadLetterQueueSourceArn"]) for message in messages]


@given(STEPS)
def test_any_order_of_calls_has_the_results_of_the_emulator_alone(steps):
    """What is received, how often, what is counted in the queue, and which messages die."""
    plain, patched = Emulator(patched=False), Emulator(patched=True)

    for action, number in steps:
        assert patched.step(action, number) == plain.step(action, number)
        if action != "receive":  # which moves fewer dead messages than the emulator's
            assert sum(patched.counts(patched.url) + patched.counts(patched.dead_url)) == sum(
                plain.counts(plain.url) + plain.counts(plain.dead_url)
            )

    assert sorted(patched.dead()) == sorted(plain.dead())


def test_a_message_received_too_often_goes_to_the_dead_letter_queue_at_its_next_receive():
    """Also where the queue is never empty: it is the next in turn."""
    emulator = Emulator(patched=True)
    emulator.step("send", 3)
    for _ in range(MAX_RECEIVES):
        assert emulator.step("receive", 1)[0][0] == "body 1"
        emulator.step("release", 0)

    assert emulator.step("receive", 1) == [("body 2", 1)]
    assert emulator.dead()[0][0] == "body 1"


def test_a_receive_and_a_deletion_look_at_the_front_alone():
    """Behind what is taken no message is touched, however many there are."""

    class Untouchable(dict):
        def __getitem__(self, name):
            raise AssertionError(name)

        get = setdefault = __getitem__

    emulator = Emulator(patched=True)
    emulator.step("send", 3)
    emulator.sqs._expire_retained(emulator.sqs._queues[emulator.url])  # once a second it looks at all
    emulator.sqs._queues[emulator.url]["messages"].append(Untouchable())

    assert len(emulator.step("receive", 2)) == 2
    emulator.sqs._delete_messages_for_esm(emulator.url, set(emulator.handles))
    assert len(emulator.sqs._queues[emulator.url]["messages"]) == 2


def test_messages_beyond_their_retention_are_dropped():
    """At the next look of each second."""
    emulator = Emulator(patched=True)
    emulator.step("send", 2)
    emulator.sqs._queues[emulator.url]["messages"][0]["sent_at"] = 0

    assert emulator.step("receive", 10) == [("body 2", 1)]


def test_the_emulator_is_of_the_version_that_was_read():
    """Before another one is installed, the functions that `emulator_queue` replaces have to be read again."""
    project = tomllib.loads((paths.root() / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert f"ministack=={emulator_queue.VERSION}" in project["optional-dependencies"]["local"]
