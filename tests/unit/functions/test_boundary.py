"""What Step Functions, Lambda and the packager see of the functions."""

from __future__ import annotations

import ast
import re
import sys

import pytest
from safe_deploy import errors
from safe_deploy.entry import NAMED_IN_STATE_MACHINES, task

from tests.fakes.story import ROOT

APPS = sorted(path for path in (ROOT / "functions").glob("*/app.py") if path.parent.name != "predict")
CLASSES = [
    value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.SafeDeployError)
]


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if kind is not errors.SafeDeployError])
def test_step_functions_sees_only_names_that_it_can_match(kind: type[errors.SafeDeployError]) -> None:
    @task
    def handler() -> None:
        raise kind("the reason")

    with pytest.raises(errors.SafeDeployError, match="the reason") as caught:
        handler()
    assert type(caught.value) in NAMED_IN_STATE_MACHINES
    assert issubclass(kind, type(caught.value))


def test_every_error_of_ours_in_a_state_machine_exists() -> None:
    names = set()
    for path in (ROOT / "statemachines").glob("*.yaml"):
        for listed in re.findall(r"ErrorEquals: \[(.*?)\]", path.read_text()):
            names |= {name.strip() for name in listed.split(",") if "." not in name}
        names -= set(re.findall(r"\n +Error: (\w+)\n", path.read_text()))  # a machine's own, of its Fail states
    assert "TransientError" in names
    assert names <= {kind.__name__ for kind in NAMED_IN_STATE_MACHINES}


def test_the_error_tree_in_the_docstring_is_the_tree() -> None:
    listed = re.findall(r"^[│├└─ ]*(\w+Error)\b", errors.__doc__ or "", re.MULTILINE)
    assert sorted(listed) == sorted(kind.__name__ for kind in CLASSES)


@pytest.mark.parametrize("path", APPS, ids=lambda path: path.parent.name)
def test_a_function_imports_only_what_it_is_packed_with(path: object) -> None:
    text = (ROOT / "functions" / str(path)).read_text()
    allowed = {"safe_deploy", "aws_lambda_powertools"} | set(sys.stdlib_module_names)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            assert {name.name.split(".")[0] for name in node.names} <= allowed
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] in allowed


@pytest.mark.parametrize("path", APPS, ids=lambda path: path.parent.name)
def test_no_function_logs_its_event(path: object) -> None:
    text = (ROOT / "functions" / str(path)).read_text()
    assert "log_event" not in text
    assert "extra={" not in text or "event}" not in text
