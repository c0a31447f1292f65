"""What a run of `localaws` is told from outside. Built by the command line and by tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

ACCOUNT = "123456789012"
REGION = "us-east-1"
PERSON_ACCESS_KEY = "LOCALAWSPERSON000001"
"""The access key id, and secret, of the person at the keyboard: an administrator of a world on one machine."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are and how fast AWS time passes."""

    home: Path
    """Everything that `localaws` writes: unpacked bundles, jobs, endpoints, logs."""
    lambda_python: Path
    """An interpreter that has what Lambda's runtime has (awslambdaric, boto3) and nothing else."""
    jobs_python: Path
    """An interpreter that has what the XGBoost image has."""
    port: int = 4566
    """Of the front door; 0 takes a free one."""
    time_scale: float = 1.0
    account: str = field(default=ACCOUNT)
    region: str = field(default=REGION)
