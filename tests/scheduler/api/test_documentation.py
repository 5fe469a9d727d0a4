"""The API's own documentation is whole: every operation says what it does, what it answers with, what may go wrong, and shows each of them."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema_rs import validator_for

from tests.scheduler.api.served import TYPE, Api

PAGES = "links"
"""The tag of what is for people: they are shown pages, and errors as pages."""
PUBLIC = {"isAlive", "isReady", "hearTavus", "visitLink", "glanceAtLink", "pressLink"}
"""What anybody may call."""


@pytest.fixture(scope="module")
def document(shared_api: Api) -> dict[str, Any]:
    made: dict[str, Any] = shared_api.get("/openapi.json").json()
    return made


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for operations_of in document["paths"].values():
        yield from operations_of.values()


def programs(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Those of them that are for programs."""
    return (operation for operation in operations(document) if operation["tags"] != [PAGES])


def contents(operation: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Everything that is sent and answered: its status, its media type, and what is said of it."""
    for media, content in operation.get("requestBody", {"content": {}})["content"].items():
        yield "request", media, content
    for status, answer in operation["responses"].items():
        for media, content in answer.get("content", {}).items():
            yield status, media, content


def test_every_operation_says_what_it_is(document: dict[str, Any]) -> None:
    told = list(operations(document))
    for operation in told:
        assert operation["summary"]
        assert operation["description"].endswith("."), operation["description"]
        assert len(operation["tags"]) == 1
        assert re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", operation["operationId"])
        for parameter in operation.get("parameters", ()):
            assert parameter["description"], operation["operationId"]
    ids = [operation["operationId"] for operation in told]
    assert len(set(ids)) == len(ids)
    assert {tag["name"] for tag in document["tags"]} == {operation["tags"][0] for operation in told}


def test_every_answer_and_every_body_has_an_example_that_its_schema_lets_through(document: dict[str, Any]) -> None:
    for operation in programs(document):
        for status, media, content in contents(operation):
            where = f"{operation['operationId']} {status} {media}"
            assert content["examples"], where
            schema = (
                validator_for({"$ref": content["schema"]["$ref"]} | {"components": document["components"]})
                if media.endswith("json")
                else None
            )
            for shown in content["examples"].values():
                assert shown["summary"], where
                if schema is not None:
                    schema.validate(shown["value"])


def test_every_error_is_a_problem_with_the_type_that_it_is_shown_under(document: dict[str, Any]) -> None:
    for operation in programs(document):
        errors = [one for one in contents(operation) if one[0].isdecimal() and int(one[0]) >= 400]
        assert all(media == "application/problem+json" for _, media, _ in errors)
        for status, _, content in errors:
            assert content["schema"]["$ref"] in {"#/components/schemas/Problem", "#/components/schemas/InvalidRequest"}
            for name, shown in content["examples"].items():
                assert (shown["value"]["type"], str(shown["value"]["status"])) == (f"{TYPE}{name}", status)


def test_whoever_is_not_known_is_told_so_by_every_operation_but_those_for_anybody(document: dict[str, Any]) -> None:
    for operation in operations(document):
        is_public = operation["operationId"] in PUBLIC
        assert ("401" in operation["responses"]) is not is_public
        assert operation["security"] == ([] if is_public else [{"HTTPBearer": []}])


def test_every_link_leads_to_an_operation_with_the_parameters_that_it_takes(document: dict[str, Any]) -> None:
    takes = {one["operationId"]: {given["name"] for given in one.get("parameters", ())} for one in operations(document)}
    links = [link for one in operations(document) for answer in one["responses"].values() for link in answer.get("links", {}).values()]
    assert links
    for link in links:
        assert set(link["parameters"]) <= takes[link["operationId"]]


def test_the_methods_of_a_path_are_told_whole_whichever_router_has_them(api: Api) -> None:
    for path, methods in (("/v1/jobs", "GET, POST"), ("/v1/accounts/default/limits", "GET, PATCH, PUT"), ("/v1/jobs/x/replica", "DELETE")):
        answer = api.client.request("OPTIONS", path)
        assert (answer.status_code, answer.headers["allow"]) == (405, methods)
