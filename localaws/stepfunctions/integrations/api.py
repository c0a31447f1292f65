"""One API action that a resource names, called with the execution role's credentials. Used by `table`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from localaws.stepfunctions.failures import RUNTIME, Failure
from localaws.stepfunctions.history import to_json
from localaws.stepfunctions.integrations import shapes
from localaws.stepfunctions.integrations.naming import Naming
from localaws.stepfunctions.templates import Template

Clients = Callable[[str], Any]
"""A boto3 client of a service (by botocore's name) with the role's credentials."""


@cache
def service_model(service: str) -> Any:
    """botocore's model of a service."""
    return botocore.session.get_session().get_service_model(service)


@dataclass(frozen=True, slots=True)
class Api:
    """An operation of a service."""

    service: str
    """botocore's name."""
    operation: str
    """The API's name, such as `CreateModel`."""
    naming: Naming
    moments: shapes.Moments = shapes.iso
    any_json: frozenset[str] = frozenset()
    """Members that take any JSON value, sent as its text."""

    def call(self, clients: Clients, arguments: Any) -> dict[str, Any]:
        """The response, as a state machine sees it. Raises `Failure`."""
        operation = service_model(self.service).operation_model(self.operation)
        request = shapes.to_request(operation.input_shape, self._texts(arguments)) if operation.input_shape else {}
        try:
            response = getattr(clients(self.service), xform_name(self.operation))(**request)
        except ParamValidationError as error:
            raise Failure(RUNTIME, str(error)) from error
        except ClientError as error:
            raise self.naming.failure(error, operation) from error
        except BotoCoreError as error:
            raise self.naming.unreachable(error) from error
        if operation.output_shape is None:
            return {}
        result: dict[str, Any] = shapes.from_response(operation.output_shape, response, self.moments)
        return result

    def complaints(self, arguments: Template) -> Iterator[tuple[str, str]]:
        """What is wrong with literal arguments."""
        shape = service_model(self.service).operation_model(self.operation).input_shape
        return shapes.complaints(shape, arguments.value, "Arguments", self.any_json)

    def _texts(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._texts(part) for part in value]
        if not isinstance(value, dict):
            return value
        return {
            name: to_json(part) if name in self.any_json and not isinstance(part, str) else self._texts(part)
            for name, part in value.items()
        }
