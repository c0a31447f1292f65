"""A client of every AWS service that checks each call against botocore's model and remembers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from localaws.cloudformation.handler import Context
from localaws.cloudformation.shapes import _model

Answers = Mapping[str, Any]


class Recorder:
    """`recorder.client("sns").create_topic(Name="x")` is checked, recorded and answered from `answers`."""

    def __init__(self, answers: Answers | None = None) -> None:
        self.answers = dict(answers or {})
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.made: list[str] = []

    def client(self, service: str) -> _Client:
        return _Client(self, service)

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def of(self, name: str) -> dict[str, Any]:
        """The input of the last call of that operation."""
        return next(params for called, params in reversed(self.calls) if called == name)

    def at(self, logical_id: str = "Thing", tags: Mapping[str, str] | None = None) -> Context:
        return Context(
            client=self.client,
            stack_name="stack",
            logical_id=logical_id,
            region="us-east-1",
            account="123456789012",
            tags=tags or {},
            previous_tags=tags or {},
            made=self.made.append,
        )


class _Client:
    def __init__(self, recorder: Recorder, service: str) -> None:
        self._recorder = recorder
        self._model = _model(service)
        self.exceptions = _Exceptions()

    def __getattr__(self, method: str) -> Callable[..., Any]:
        operation = next((n for n in self._model.operation_names if xform_name(n) == method), None)
        if operation is None:
            raise AttributeError(f"{self._model.service_name} has no method {method}")
        name: str = operation

        def call(**params: Any) -> Any:
            shape = self._model.operation_model(name).input_shape
            if shape is not None:
                report = ParamValidator().validate(params, shape)
                assert not report.has_errors(), f"{name}: {report.generate_report()}"
            self._recorder.calls.append((name, params))
            answer = self._recorder.answers.get(name, {})
            if isinstance(answer, list):
                answer = answer.pop(0) if len(answer) > 1 else answer[0]
            if isinstance(answer, str):
                raise ClientError({"Error": {"Code": answer, "Message": answer}}, name)
            return answer

        call.__self__ = self  # type: ignore[attr-defined]
        return call

    def get_paginator(self, method: str) -> Any:
        call = getattr(self, method)

        class Paginator:
            def paginate(self, **params: Any) -> list[Any]:
                return [call(**params)]

        return Paginator()


class _Exceptions:
    def __getattr__(self, name: str) -> type[Exception]:
        return ClientError
