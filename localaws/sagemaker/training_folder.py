"""What a training container finds and leaves in its folders. Used by training jobs."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

from localaws.sagemaker.jobs import REASON_LENGTH, Job
from localaws.sagemaker.resources import present


def lay_out(job: Job) -> None:
    """The folders and configuration files that a training container finds below /opt/ml."""
    shutil.rmtree(job.folder, ignore_errors=True)
    ml = job.folder / "ml"
    for folder in ("input/config", "input/data", "model", "output/data", "code"):
        (ml / folder).mkdir(parents=True)
    instance = job.params["ResourceConfig"]["InstanceType"]
    channels = {
        channel["ChannelName"]: {
            "TrainingInputMode": "File",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
            **present(ContentType=channel.get("ContentType")),
        }
        for channel in job.params.get("InputDataConfig", [])
    }
    resources = {
        "current_host": "algo-1",
        "current_instance_type": instance,
        "current_group_name": "homogeneousCluster",
        "hosts": ["algo-1"],
        "instance_groups": [
            {"instance_group_name": "homogeneousCluster", "instance_type": instance, "hosts": ["algo-1"]}
        ],
        "network_interface_name": "eth0",
    }
    files: dict[str, Any] = {
        "hyperparameters": job.params.get("HyperParameters", {}),
        "inputdataconfig": channels,
        "resourceconfig": resources,
    }
    for name, content in files.items():
        (ml / "input/config" / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


def pack(folder: Path, archive: Path) -> Path:
    """A folder's contents as a tar.gz, relative to it."""
    with tarfile.open(archive, "w:gz", compresslevel=6) as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, arcname=path.name)
    return archive


def failure_reason(failure: Path, code: int) -> str:
    """How SageMaker words a container's failure: what it wrote about it, else a hint, and the exit code."""
    text = failure.read_text(encoding="utf-8", errors="replace")[:REASON_LENGTH] if failure.exists() else ""
    tail = f", exit code: {code}"
    return f"AlgorithmError: {text or 'See job logs for more information'}"[: REASON_LENGTH - len(tail)] + tail
