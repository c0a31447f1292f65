"""A release that changes the inference code alone: whether there can be one, and what it takes from the champion.

Used by register_drop. The model stays, with everything that was found out about it: training data, metrics, golden
rows, baseline. The release has its own record, endpoints, capture and monitoring, like every other.
"""

from __future__ import annotations

from typing import Any

from safe_deploy.domain.canonical import digest
from safe_deploy.domain.inference import Inference
from safe_deploy.domain.live import Alias
from safe_deploy.domain.release import Champion, Release

MODELS_PLACES = ("source", "sourceArchive", "data", "model", "baseline", "evaluation")
"""Places of the release that trained the model, from which its files are read."""
MODELS_FACTS = ("modelDataUrl", "dataDigest", "codeDigest", "contractDigest", "hyperparameters")


def problem(champion: Champion | None, record: Release | None, alias: Alias, latest: Inference, contract: str) -> str:
    """Return a sentence about why there is nothing to release, empty when there is.

    `record` is the champion's; `contract` is the digest of the contract.json that is deployed.
    """
    if champion is None or record is None:
        return "no release is live, so there is no model that changed code could serve; drop data first"
    if not alias.main.inference.differences(latest):
        return (
            f"the inference function is deployed as it serves already (version {champion.version}, release "
            f"{champion.release_id}); deploy the changed code first"
        )
    if record.section("contractDigest") != contract:
        return (
            f"model/contract.json has changed since release {record.trained_by} trained the model; "
            "a model of the new contract needs data: drop some"
        )
    return ""


def model_gone(champion: Champion, reason: str) -> str:
    """Return the sentence about a model that can't be served again."""
    return f"the model of release {champion.release_id} is gone: {reason}"


def content_digest(champion: Champion, latest: Inference) -> str:
    """Return the digest by which a second release of the same code behind the same champion is known."""
    return digest({"release": "code", "champion": champion.release_id, "inference": latest.to_output()})


def taken_over(own: dict[str, Any], record: Release) -> dict[str, Any]:
    """Return a record's attributes where those of the model are the champion's."""
    places = record.section("uris")
    return {
        **own,
        **{name: record.section(name) for name in MODELS_FACTS},
        "modelPackageArn": record.item.get("modelPackageArn"),
        "trainedBy": record.trained_by,
        "uris": {**own["uris"], **{name: places[name] for name in MODELS_PLACES}},
    }
