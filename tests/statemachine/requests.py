"""Holds what a run of a machine asked AWS for against botocore's own models. Used by the tests of each machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from localaws.stepfunctions.tasks import is_activity
from localaws.stepfunctions.testing import Outcome

SERVICES = {"applicationautoscaling": "application-autoscaling"}
"""Services that botocore names otherwise than Step Functions."""


def checked(outcome: Outcome, tasks: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The states whose requests were checked, and fit; left out are functions and activities, which take anything."""
    session = botocore.session.get_session()
    found = set()
    for state, requests in outcome.requests.items():
        if is_ours(tasks[state]):
            continue
        parts = tasks[state]["Resource"].split(":")
        service, action = (parts[6], parts[7]) if parts[5] == "aws-sdk" else (parts[5], parts[6])
        operation = action.split(".")[0]
        operation = operation[0].upper() + operation[1:]
        model = session.get_service_model(SERVICES.get(service, service)).operation_model(operation)
        shape: Any = model.input_shape
        for request in requests:
            shaped = lower_camel(request, shape) if service == "codedeploy" else request
            report = ParamValidator().validate(shaped, shape)
            assert not report.has_errors(), f"{state}: {report.generate_report()}"
            unknown = set(shaped) - set(shape.members)
            assert not unknown, f"{state}: unknown members {unknown}"
            found.add(state)
    return found


def is_ours(task: Mapping[str, Any]) -> bool:
    """Whether a task is a function's or an activity's, not a service's."""
    return ":lambda:invoke" in task["Resource"] or is_activity(task["Resource"])


def lower_camel(value: Any, shape: Any) -> Any:
    """Step Functions takes PascalCase for every service; CodeDeploy's own members begin in lower case."""
    if shape.type_name == "structure":
        return {
            name[0].lower() + name[1:]: lower_camel(item, shape.members[name[0].lower() + name[1:]])
            for name, item in value.items()
        }
    if shape.type_name == "list":
        return [lower_camel(item, shape.member) for item in value]
    return value
