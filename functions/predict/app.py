"""Predict: the inference Lambda, behind the alias `live`. Called by the HTTP API's POST /predict.

A version is one release: this code, its contract.json, and the endpoint and release id in its environment.
"""

from __future__ import annotations

import os
from functools import cache

from contract import Contract
from endpoint import ModelEndpoint
from service import PredictionService, Release

TYPE_CHECKING = False  # typing itself costs milliseconds of every cold start
if TYPE_CHECKING:
    from typing import Any

    from service import Context


@cache
def _service() -> PredictionService:
    release = Release()
    contract = Contract.load(os.path.join(os.path.dirname(__file__), "contract.json"))  # noqa: PTH118, PTH120
    return PredictionService(release, contract, ModelEndpoint(release.endpoint) if release.endpoint else None)


def handler(event: Any, context: Context) -> dict[str, Any]:
    """Lambda's entry point; `service` says what it answers and raises."""
    return _service().handle(event, context)


if "AWS_LAMBDA_RUNTIME_API" in os.environ:
    _service()  # in Lambda's init phase, which lends a whole CPU and refuses an unusable bundle
