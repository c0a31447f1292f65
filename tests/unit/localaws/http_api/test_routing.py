"""Which route a request takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.http_api.definition import Integration, Route
from localaws.http_api.routing import choose

INTEGRATION = Integration("i1", "uri", "arn")
SEGMENT = st.text("abcdefgh0123", min_size=1, max_size=4)


def route(key: str) -> Route:
    method, _, path = key.partition(" ")
    return Route(key, "" if key == "$default" else method, path, INTEGRATION, needs_iam=False)


ROUTES = [
    route(key)
    for key in (
        "$default",
        "ANY /pets/{proxy+}",
        "GET /pets/{name}",
        "GET /pets/dog",
        "ANY /pets/dog",
        "POST /pets/{name}/toys/{toy}",
    )
]


@pytest.mark.parametrize(
    ("method", "path", "key", "parameters"),
    [
        ("GET", "/pets/dog", "GET /pets/dog", {}),
        ("POST", "/pets/dog", "ANY /pets/dog", {}),
        ("GET", "/pets/cat", "GET /pets/{name}", {"name": "cat"}),
        ("POST", "/pets/cat", "ANY /pets/{proxy+}", {"proxy": "cat"}),
        ("POST", "/pets/cat/toys/ball", "POST /pets/{name}/toys/{toy}", {"name": "cat", "toy": "ball"}),
        ("GET", "/pets/cat/toys/ball", "ANY /pets/{proxy+}", {"proxy": "cat/toys/ball"}),
        ("GET", "/pets/", "$default", {}),
        ("GET", "/pets", "$default", {}),
        ("GET", "/", "$default", {}),
    ],
)
def test_the_most_specific_route_is_chosen(method: str, path: str, key: str, parameters: dict[str, str]) -> None:
    match = choose(ROUTES, method, path)
    assert match is not None
    assert (match.route.key, match.parameters) == (key, parameters)


def test_without_a_default_there_may_be_no_route() -> None:
    assert choose(ROUTES[1:], "GET", "/cars") is None
    assert choose([route("GET /a")], "POST", "/a") is None


@given(segments=st.lists(SEGMENT, min_size=1, max_size=5), variables=st.sets(st.integers(0, 4)))
def test_a_template_made_from_a_path_matches_it_and_returns_its_parts(segments: list[str], variables: set[int]) -> None:
    parts = [f"{{v{i}}}" if i in variables else segment for i, segment in enumerate(segments)]
    match = choose([route(f"GET /{'/'.join(parts)}")], "GET", f"/{'/'.join(segments)}")
    assert match is not None
    assert match.parameters == {f"v{i}": s for i, s in enumerate(segments) if i in variables}
