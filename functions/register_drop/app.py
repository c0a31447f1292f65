"""Register a drop as a release, or say why not. Called by the state `Register Drop`.

Reads the manifest, the files' descriptions, the policy and the contract; finds the champion; uploads the code
that the release will run. A release of inference code alone takes what it needs of the champion's record instead.
Everything is recorded before it is answered, so a retried call answers the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import config, observability
from safe_deploy.domain import code_release
from safe_deploy.domain.fields import Fields
from safe_deploy.domain.inference import LATEST
from safe_deploy.domain.live import Alias
from safe_deploy.domain.manifest import CODE, Drop
from safe_deploy.domain.monitoring import iso
from safe_deploy.domain.names import Names, Places, check_release_id
from safe_deploy.domain.out_of_band import unacknowledged
from safe_deploy.domain.ports import Outside
from safe_deploy.domain.registration import (
    DropContent,
    DropRefusedError,
    Registration,
    UserFolder,
    champion_of,
    obstacle,
    refusing,
    to_output,
)
from safe_deploy.domain.release import Release, State
from safe_deploy.domain.source import archive
from safe_deploy.entry import task
from safe_deploy.errors import ConditionFailedError, NotFoundError, TransientError
from safe_deploy.wiring import aws

logger = observability.logger()


@dataclass(frozen=True, slots=True)
class Request:
    """What the state machine sends."""

    release_id: str
    execution_arn: str
    drop: Drop

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> Request:
        """Read the event. Raises InvalidRequestError, naming the field that is wrong."""
        given = Fields(event, "the request")
        return cls(
            check_release_id(given.value("releaseId")),
            given.text("executionArn"),
            Drop.from_event(given.value("event")),
        )


@logger.inject_lambda_context
@task
def handler(event: dict[str, Any], _context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Return {"status": "registered" | "duplicate" | "refused", "reason", "releaseId", ...}."""
    return register(Request.from_event(event), outside or aws())


def register(request: Request, outside: Outside) -> dict[str, Any]:
    """Register the drop once; tell again what became of it when asked again."""
    config.check_approvers()
    releases, now = outside.releases, outside.clock.now()
    owner = releases.register(request.release_id, request.drop, request.execution_arn, now)
    if owner is not None:
        reason = f"this version of {request.drop.key} was registered as release {owner}"
        releases.audit(owner, "Duplicate arrival", request.execution_arn, {"releaseId": request.release_id}, now)
        return {"status": "duplicate", "reason": reason, "releaseId": request.release_id}
    release = releases.get(request.release_id)
    if release.state is State.REFUSED:
        return refused(release)
    if not release.is_registered:
        try:
            release = complete(release, request, outside)
        except DropRefusedError as error:
            reason = str(error)
            logger.info("drop refused", extra={"release": request.release_id, "reason": reason})
            releases.audit(request.release_id, "Refused", "register_drop", {"reason": reason}, now)
            return refused(releases.update(request.release_id, {"reason": reason}, now, state=State.REFUSED))
    return to_output(release, config.region(), config.model_name())


def refused(release: Release) -> dict[str, Any]:
    """Return the answer for a refused drop."""
    return {"status": "refused", "reason": release.section("reason"), "releaseId": release.release_id}


def complete(release: Release, request: Request, outside: Outside) -> Release:
    """Examine the drop, upload what its jobs need, and complete the record. Raises DropRefusedError."""
    folder = UserFolder.read(outside.source)
    content = DropContent.read(request.drop, outside.objects)
    with refusing():
        hyperparameters = folder.policy.with_overrides(content.manifest.hyperparameters)
        strategy = folder.policy.strategy_with(content.manifest.strategy)
        folder.policy.approval.check_requester(content.manifest.requested_by)
    by_hand = unacknowledged(outside.upkeep.last(), content.manifest.acknowledge)
    if by_hand:
        raise DropRefusedError(by_hand)
    alias = outside.functions.live()
    registration = Registration(
        Names.of(config.model_name(), request.release_id),
        Places(config.setting("ARTIFACT_BUCKET"), request.release_id, folder.code_digest),
        request.drop,
        content,
        folder,
        hyperparameters,
        strategy,
        champion_of(alias, outside.releases),
        alias.main.version,
    )
    if content.manifest.kind == CODE:
        attributes = code_only(registration, alias, outside)
    else:
        claim_content(content.digest, registration, alias, outside)
        upload(registration, outside)
        attributes = registration.to_item()
    now = outside.clock.now()
    outside.releases.audit(
        release.release_id,
        "Registered",
        content.manifest.requested_by or "register_drop",
        {key: attributes[key] for key in ("kind", "dataDigest", "codeDigest", "championReleaseId")},
        now,
    )
    return outside.releases.update(
        release.release_id, {**attributes, "registeredAt": iso(now)}, now, state=State.REGISTERED
    )


def code_only(registration: Registration, alias: Alias, outside: Outside) -> dict[str, Any]:
    """Return the record of a release that keeps the champion's model. Raises DropRefusedError."""
    champion = registration.champion
    record = outside.releases.get(champion.release_id) if champion else None
    latest = outside.functions.version(LATEST).inference
    refusal = code_release.problem(champion, record, alias, latest, registration.folder.contract.digest)
    if champion is None or record is None or refusal:
        raise DropRefusedError(refusal)
    try:
        outside.objects.describe(champion.model_data_url)
    except NotFoundError as error:
        raise DropRefusedError(code_release.model_gone(champion, str(error))) from error
    claim_content(code_release.content_digest(champion, latest), registration, alias, outside)
    return code_release.taken_over(registration.to_item(), record)


def claim_content(digest: str, registration: Registration, alias: Alias, outside: Outside) -> None:
    """Make sure that no other release that counts has the same content. Raises DropRefusedError."""
    code = registration.folder.code_digest
    release_id = registration.places.release_id
    owner = outside.releases.claim_data(digest, release_id, code)
    if owner is None:
        return
    other_id, other_code = owner
    other = outside.releases.find(other_id)
    problem = obstacle(other, alias, outside.executions) if other and other_code == code else None
    if problem:
        raise DropRefusedError(problem)
    try:
        outside.releases.take_data(digest, release_id, code, previous=other_id)
    except ConditionFailedError as error:
        raise TransientError("another drop with the same content arrived at the same time") from error


def upload(registration: Registration, outside: Outside) -> None:
    """Upload the list of files, and the code unless this very code is there; its archive comes last."""
    places = registration.places
    root = f"s3://{places.bucket}/"
    outside.objects.write(root + places.drop_manifest_key, registration.drop_manifest, "application/json")
    try:
        outside.objects.describe(root + places.source_archive_key)
    except NotFoundError:
        for path, content in outside.source.items():
            outside.objects.write(f"{root}{places.source_key}{path}", content, "application/octet-stream")
        outside.objects.write(root + places.source_archive_key, archive(outside.source), "application/gzip")
