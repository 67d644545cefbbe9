from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.routes import Routes

FEW = settings(max_examples=40, deadline=None)
SEGMENTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


def routes(*served: str) -> Routes[str]:
    """Each `METHOD path` leads to its own text."""
    table: Routes[str] = Routes()
    for text in served:
        method, path = text.split()
        table.add(method, path, text)
    return table


TABLE = routes("POST /v1/make", "GET /v1/tasks/{id}", "DELETE /v1/tasks/{id}", "GET /v1/tasks/latest", "GET /health")


@pytest.mark.parametrize(
    ("method", "path", "target"),
    [
        ("POST", "/v1/make", "POST /v1/make"),
        ("GET", "/v1/tasks/7", "GET /v1/tasks/{id}"),
        ("DELETE", "/v1/tasks/7", "DELETE /v1/tasks/{id}"),
        ("GET", "/v1/tasks/latest", "GET /v1/tasks/latest"),
        ("HEAD", "/v1/tasks/7", "GET /v1/tasks/{id}"),
        ("HEAD", "/health", "GET /health"),
    ],
)
def test_a_method_and_a_path_lead_to_one_target(method: str, path: str, target: str) -> None:
    found, _, other = TABLE.find(method, path)
    assert (found, other) == (target, frozenset())


@pytest.mark.parametrize(
    "path", ["/", "", "/v1", "/v1/make/", "/v1/make/more", "/v1/tasks/", "/v1/tasks/7/x", "/V1/make"]
)
def test_an_unknown_path_knows_no_method(path: str) -> None:
    assert TABLE.find("GET", path) == (None, {}, frozenset())


@pytest.mark.parametrize(
    ("method", "path", "known"),
    [
        ("GET", "/v1/make", {"POST"}),
        ("HEAD", "/v1/make", {"POST"}),
        ("POST", "/v1/tasks/7", {"GET", "HEAD", "DELETE"}),
        ("POST", "/health", {"GET", "HEAD"}),
    ],
)
def test_a_wrong_method_learns_the_right_ones(method: str, path: str, known: set[str]) -> None:
    target, _, methods = TABLE.find(method, path)
    assert target is None
    assert set(methods) == known


@FEW
@given(SEGMENTS)
def test_a_parameter_arrives_as_it_was_before_it_was_escaped(text: str) -> None:
    _, parameters, _ = TABLE.find("DELETE", f"/v1/tasks/{quote(text, safe='')}")
    assert parameters == {"id": text}


def test_paths_that_differ_in_a_parameters_name_only_are_the_same_path() -> None:
    table = routes("GET /jobs/{id}", "DELETE /jobs/{job}")
    assert table.find("DELETE", "/jobs/7") == ("DELETE /jobs/{job}", {"job": "7"}, frozenset())
    assert table.find("PUT", "/jobs/7")[2] == {"GET", "HEAD", "DELETE"}


def test_the_first_target_of_a_path_stays() -> None:
    table: Routes[int] = Routes()
    for number in (1, 2):
        table.add("get", "/a", number)
        table.add("get", "/b/{x}", number)
    assert (table.find("GET", "/a")[0], table.find("GET", "/b/1")[0]) == (1, 1)


def test_signs_of_a_path_mean_themselves() -> None:
    table = routes("GET /v1/models/{id}:predict")
    assert table.find("GET", "/v1/models/a.b:predict")[1] == {"id": "a.b"}
    assert table.find("GET", "/v1/models/a.b-predict")[0] is None
