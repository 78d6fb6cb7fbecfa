"""Messages as the processor receives them."""

from lambdist_lib.protocol.contract import Datapoint, message_attributes, message_body


def message(n, data="word", *, body=None, receives=1, work="none", fault="none"):
    """One message of the event source mapping; `body` replaces the collector's."""
    datapoint = Datapoint(run_id="run", n=n, data=data, work=work, fault=fault, received_at=1.5)
    return {
        "messageId": f"m{n}",
        "receiptHandle": f"handle-{n}",
        "body": message_body(datapoint, collector={"request_id": "c1"}) if body is None else body,
        "attributes": {
            "ApproximateReceiveCount": str(receives),
            "SentTimestamp": "2000",
            "ApproximateFirstReceiveTimestamp": "3000",
        },
        "messageAttributes": {
            name: {"dataType": value["DataType"], "stringValue": value["StringValue"]}
            for name, value in message_attributes(datapoint).items()
        },
    }
