"""Structured logs. Used by every function.

Events are never logged: some carry approval links.
"""

from __future__ import annotations

from aws_lambda_powertools import Logger


def logger() -> Logger:
    """Return the function's logger; its service name is POWERTOOLS_SERVICE_NAME, else the model's name."""
    return Logger(log_uncaught_exceptions=False, use_rfc3339=True)
