"""Predict: the inference Lambda, behind the alias `live`. Called by the HTTP API's POST /predict.

A version is one release: this code, its contract.json, and the endpoint and release id in its environment.
Before it is published, `$LATEST` can be asked on trial: who invokes it directly may name another endpoint and release
in the client context, so that code is tested against a dev endpoint while its environment stays as it is. A version
never looks there; and the HTTP API, which sends no client context, only reaches versions.
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


TRIAL = ("ENDPOINT_NAME", "RELEASE_ID")
"""What a trial may set instead of the environment."""
_UNPUBLISHED = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION") == "$LATEST"


@cache
def _service(**instead: str) -> PredictionService:
    release = Release({**os.environ, **instead})
    contract = Contract.load(os.path.join(os.path.dirname(__file__), "contract.json"))  # noqa: PTH118, PTH120
    return PredictionService(release, contract, ModelEndpoint(release.endpoint) if release.endpoint else None)


def handler(event: Any, context: Context) -> dict[str, Any]:
    """Lambda's entry point; `service` says what it answers and raises."""
    instead = _trial(context) if _UNPUBLISHED else {}
    return _service(**instead).handle(event, context)


def _trial(context: Context) -> dict[str, str]:
    given = (context.client_context and context.client_context.custom) or {}
    return {name: str(given[name]) for name in TRIAL if name in given}


if "AWS_LAMBDA_RUNTIME_API" in os.environ:
    _service()  # in Lambda's init phase, which lends a whole CPU and refuses an unusable bundle
