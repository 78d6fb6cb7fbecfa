"""What is told of the dead, and how they are brought back, on the local cloud."""

import json

import pytest

from lambdist_lib import mailbox, stacks

ALARMS = ("DeadDatapoints", "DeadLettersStay", "DatapointsWait", "ApiFails")


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_comes_by_mail(distributed, mails, alarm):
    """Each alarm of the template, once it is raised, tells the topic what is wrong and where to look."""
    cloudwatch = distributed.client("cloudwatch")
    resource = distributed.client("cloudformation").describe_stack_resource(
        StackName=distributed.stack.name, LogicalResourceId=alarm
    )
    name = resource["StackResourceDetail"]["PhysicalResourceId"]

    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test")

    [mail] = mails()
    assert mail.subject.startswith("ALARM: ")
    assert distributed.stack.name in json.loads(mail.text)["AlarmDescription"]
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="the test is over")


def test_the_command_line_prints_the_mail(distributed, mails, lambdist):
    """Without a subscriber too; reading it takes nothing away."""
    distributed.client("sns").publish(TopicArn=distributed["TopicArn"], Subject="hello", Message="two\nlines")
    [mail] = mails()

    shown, again = lambdist("cloud", "mail"), lambdist("cloud", "mail", "--json")

    assert (shown.returncode, shown.stderr) == (0, "")
    head = f"Date: {mail.at}\nTo: nobody (deploy with --set notify_email=ADDRESS)\nSubject: hello\n\n"
    assert shown.stdout.endswith(f"{head}two\nlines\n\n")
    assert json.loads(again.stdout)[-1]["text"] == "two\nlines"


def test_mail_goes_to_every_address_and_ends_with_its_stack(deploy, target):
    """Several addresses in one setting; of two stacks' mails the one that is destroyed goes."""
    [kept] = deploy("kept", ["distributed"]).values()
    [going] = deploy("going", ["distributed"], notify_email="a@example.com,b@example.com").values()
    for deployed in (kept, going):
        deployed.client("sns").publish(TopicArn=deployed["TopicArn"], Message=deployed.stack.name)
    to = {mail.text: mail.to for mail in mailbox.read(target)}
    assert (to["kept-distributed"], to["going-distributed"]) == ((), ("a@example.com", "b@example.com"))

    stacks.destroy(target, ["distributed"], name="going")

    left = {mail.text for mail in mailbox.read(target)}
    assert "kept-distributed" in left and "going-distributed" not in left
