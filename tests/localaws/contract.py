"""Holds every answer of our services to botocore's output shapes. Used by tests of services."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from botocore.validate import ParamValidator

from localaws.errors import AwsError
from localaws.front_door import protocol


@contextmanager
def answers_checked() -> Iterator[list[str]]:
    """Within it, an answer not of its operation's shape fails the request; gives the operations answered."""
    answered: list[str] = []
    serialize = protocol.serialize

    def checked(service: str, routed: protocol.Routed, result: dict[str, Any] | AwsError) -> protocol.Reply:
        if not isinstance(result, AwsError):
            shape = routed.model.output_shape
            report = ParamValidator().validate(result, shape) if shape is not None else None
            problems = report.generate_report() if report is not None and report.has_errors() else ""
            if problems or (shape is None and result):
                raise AssertionError(f"{service}:{routed.model.name} answers {problems or result}")
            answered.append(str(routed.model.name))
        return serialize(service, routed, result)

    with patch.object(protocol, "serialize", checked):
        yield answered
