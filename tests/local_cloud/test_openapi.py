"""docs/openapi.yaml is what the deployed APIs do: a property-based client sends what it allows, and else."""

import copy
import uuid

import pytest
import requests
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode, checks

from lambdist_lib import paths
from lambdist_lib.cloud.api import describe_api
from lambdist_lib.protocol import contract

PAGE = paths.root() / "docs" / "openapi.yaml"
EXAMPLES = 150  # each for both stacks: to generate one takes ten times as long as to send it
HELD = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
pytestmark = pytest.mark.filterwarnings("default")  # the client's own deprecations are not ours


@pytest.fixture(scope="module")
def page():
    return yaml.safe_load(PAGE.read_text(encoding="utf-8"))


def narrowed(page):
    """A page of batches that are short and idle, since each accepted datapoint is work."""
    page = copy.deepcopy(page)
    schemas = page["components"]["schemas"]
    schemas["Batch"]["properties"]["datapoints"]["maxItems"] = 3
    schemas["Work"]["enum"] = schemas["Fault"]["enum"] = ["none"]
    return page


def in_a_run_of_its_own(body):
    """The body under another run id, as a key that holds another datapoint's result is not stored."""
    if isinstance(body, dict) and "run_id" in body:
        return {**body, "run_id": uuid.uuid4().hex[:12] + body["run_id"][12:]}
    return body


def operation_of(page):
    """The one operation of the page."""
    schema = schemathesis.openapi.from_dict(page)
    [operation] = [result.ok() for result in schema.get_all_operations()]
    return operation


def exchange(both, page, mode, check):
    """Send EXAMPLES generated requests to both stacks; responses conform, and `check(case, response)`."""
    apis = [describe_api(deployed.target, deployed.stack.outputs) for deployed in both.values()]
    session = requests.Session()
    session.trust_env = False

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation_of(page).as_strategy(generation_mode=mode))
    def send(case):
        if mode is GenerationMode.POSITIVE:
            case.body = in_a_run_of_its_own(case.body)
        for api in apis:
            response = case.call(
                base_url=api.url.removesuffix("/datapoints"),
                session=session,
                headers={"x-api-key": api.key.reveal()},
            )
            case.validate_response(response, checks=HELD)
            check(case, response)

    send()
    both["distributed"].drain()


def is_taken(body):
    """Whether the datapoint rule, which a schema cannot state, takes what the schema allows."""
    if "datapoints" not in body:
        return contract.reason_against(body["data"]) is None
    counts = [value for entry in body["datapoints"] for value in (entry["n"], entry.get("attempt", 1))]
    numbers = [entry["n"] for entry in body["datapoints"]]
    return len(numbers) == len(set(numbers)) and not any(isinstance(value, float) for value in counts)


def test_what_the_page_allows_is_taken(both, page):
    """200 for every body of either form, with an answer for each datapoint; 400 where the rule says so."""

    def check(case, response):
        assert response.status_code == (200 if is_taken(case.body) else 400), (case.body, response.text)
        if response.status_code == 200 and "datapoints" in case.body:
            answer = response.json()
            rejected = [entry["n"] for entry in answer["rejected"]]
            done = answer.get("accepted", answer.get("stored"))
            assert sorted(done + rejected) == sorted(entry["n"] for entry in case.body["datapoints"])

    exchange(both, narrowed(page), GenerationMode.POSITIVE, check)


def test_what_the_page_forbids_is_refused(both, page):
    """400, never a 500 and never taken."""

    content = page["paths"]["/datapoints"]["post"]["requestBody"]["content"]["application/json"]
    allowed = Draft202012Validator({**content["schema"], "components": page["components"]})

    def check(case, response):
        if not allowed.is_valid(case.body):  # else only a header was invalid, which we replace
            assert response.status_code in (400, 403, 413), (case.body, response.text)

    exchange(both, page, GenerationMode.NEGATIVE, check)


def test_the_page_names_the_limits_of_the_contract(page):
    """Numbers that stand on the page and in the code agree."""
    schemas = page["components"]["schemas"]

    assert schemas["N"]["maximum"] == contract.N_MAX
    assert schemas["Data"]["maxLength"] == contract.DATAPOINT_MAX_CHARS
    batch = yaml.safe_load(PAGE.read_text(encoding="utf-8"))["components"]["schemas"]["Batch"]["properties"]
    assert batch["datapoints"]["maxItems"] == contract.REQUEST_MAX_DATAPOINTS
    assert batch["run_id"]["pattern"] == f"^{contract.RUN_ID.pattern}$"


def test_the_examples_of_the_page_work(both, page):
    """Each request that the page shows gets 200 from both stacks, and 403 without the key."""
    examples = page["paths"]["/datapoints"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    for deployed in both.values():
        for example in examples.values():
            assert deployed.post(example["value"]).status_code == 200
            assert deployed.post(example["value"], **{"x-api-key": ""}).status_code == 403
        deployed.drain()
