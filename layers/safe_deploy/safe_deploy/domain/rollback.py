"""Which release production may go back to, and what that takes. Used by plan_rollback.

What can't be is a NoWayBackError, whose text says why and what one can do instead.
"""

from __future__ import annotations

from dataclasses import dataclass

from safe_deploy.domain.deployment import endpoint_failure
from safe_deploy.domain.live import ALIAS_IS_GONE, Alias, LiveVersion, Shift
from safe_deploy.domain.names import Names
from safe_deploy.domain.ports import Functions, ModelPackage, Outside, Releases
from safe_deploy.domain.release import RETURNING, Release, State
from safe_deploy.errors import NotFoundError, NoWayBackError

WEIGHTS_AWAY = (
    "aws lambda update-alias --function-name <PredictFunctionName> --name live "
    "--routing-config AdditionalVersionWeights={}"
)


@dataclass(frozen=True, slots=True)
class Production:
    """What serves now, and what is just about to."""

    alias: Alias
    shift: Shift | None

    @classmethod
    def seen(cls, outside: Outside) -> Production:
        """Look. Raises NoWayBackError when the alias is gone."""
        try:
            alias = outside.functions.live()
            shift = outside.deployments.under_way()
            if shift is None and alias.is_shifting:
                alias = outside.functions.live()
        except NotFoundError as error:
            raise NoWayBackError(f"{ALIAS_IS_GONE}: {error}") from error
        return cls(alias, shift)

    @property
    def is_split(self) -> bool:
        """Return whether traffic is shared, and no deployment is under way that would end it."""
        return self.shift is None and self.alias.is_shifting

    def leaving(self, functions: Functions) -> LiveVersion:
        """Return the version that one wants to get away from: the one that traffic goes to."""
        if self.shift is None or self.shift.undoes:
            return self.alias.main
        return functions.version(self.shift.target_version)


@dataclass(frozen=True, slots=True)
class WayBack:
    """Where to go back to, from where."""

    step: str
    """wait, stop (the shift that is under way), back (already there) or go."""
    leaving: LiveVersion
    target: Release
    version: LiveVersion
    production: Production


def way_back(asked: str | None, decided: bool, production: Production, model: str, outside: Outside) -> WayBack:
    """Return the way to the release asked for, by default the predecessor. Raises NoWayBackError.

    `decided`: this rollback has stopped a shift on its way there. Then to be there already is no mistake, and that
    traffic is still shared is CodeDeploy's, which begins a moment after the stop to send it back.
    """
    shift, main, alias = production.shift, production.alias.main, production.alias
    if production.is_split and not decided:
        raise NoWayBackError(
            f"somebody has split the traffic by hand: beside version {main.version} the alias sends "
            f"{alias.others}, and no deployment is under way. Take that back, then try again: {WEIGHTS_AWAY}"
        )
    leaving = production.leaving(outside.functions)
    release_id = asked or _predecessor(production, leaving, outside)
    target = returnable(release_id, leaving, model, outside.releases)
    version = version_of(target, outside.functions)
    if production.is_split or (shift is not None and shift.undoes):
        return WayBack("wait", leaving, target, version, production)
    if shift is not None:
        if leaving.release_id == release_id:
            raise NoWayBackError(
                f"traffic is being shifted to release {release_id} already, by the deployment {shift.deployment_id}"
            )
        return WayBack("stop", leaving, target, version, production)
    if main.release_id != release_id:
        return WayBack("go", leaving, target, version, production)
    if not decided:
        raise NoWayBackError(f"release {release_id} is live already, as version {main.version}")
    return WayBack("back", leaving, target, main, production)


def returnable(release_id: str, leaving: LiveVersion, model: str, releases: Releases) -> Release:
    """Return a release's record. Raises NoWayBackError unless it was approved and has been live."""
    release = releases.find(release_id)
    if release is None:
        raise NoWayBackError(f"there is no release {release_id} on record here")
    if release.base != Names.of(model, release_id).base:
        raise NoWayBackError(f"release {release_id} is of another model: its resources are named {release.base}")
    if (release.item.get("decision") or {}).get("decision") != "approve":
        raise NoWayBackError(f"release {release_id} was never approved; it is {release.state}")
    before = releases.find(leaving.release_id) if leaving.serves else None
    was_replaced = before is not None and before.champion is not None and before.champion.release_id == release_id
    if not (was_replaced or was_live(release)):
        raise NoWayBackError(
            f"release {release_id} has never been live; it is {release.state}. The way to production is a release"
        )
    return release


def was_live(release: Release) -> bool:
    """Return whether a release has served all traffic once; one rolled back within its shift has not.

    What was written when it did counts: that it was gone back to, announced as live or, where it never came to that,
    seen by check_traffic to have all traffic. That somebody went back from it proves nothing.
    """
    if release.state is not State.ROLLED_BACK:
        return release.state in (State.LIVE, State.RETIRED)
    told, check = release.item.get("noticedAs"), release.item.get("trafficCheck") or {}
    return bool(release.item.get("restored") or told == State.LIVE or (not told and check.get("passed")))


def version_of(target: Release, functions: Functions) -> LiveVersion:
    """Return the newest Lambda version of a release. Raises NoWayBackError when there is none any more."""
    endpoint_name = target.names.production_endpoint
    found = [
        version
        for version in functions.published()
        if version.release_id == target.release_id and version.endpoint_name == endpoint_name
    ]
    if not found:
        raise NoWayBackError(
            f"the Lambda version of release {target.release_id} was deleted, so nothing can be shifted to. "
            "Drop its data again to release it anew"
        )
    return max(found, key=lambda version: int(version.version))


def package_needed(target: Release, outside: Outside) -> ModelPackage | None:
    """Return what the target's endpoint has to be made from, or None when it lives and will stay.

    Raises NoWayBackError when it has to be made and can't be.
    """
    name = target.names.production_endpoint
    going = bool(target.item.get("retiredAt"))
    if not going and endpoint_failure(outside.endpoints.describe(name), name) is None:
        return None
    arn = str(target.item.get("modelPackageArn") or "")
    package = outside.packages.find(arn) if arn else None
    if package is None:
        raise NoWayBackError(f"the endpoint {name} is gone, and release {target.release_id} has no model package")
    if package.approval != "Approved":
        raise NoWayBackError(f"the endpoint {name} is gone, and its model package {arn} is {package.approval}")
    try:
        outside.objects.describe(package.model_data_url)
    except NotFoundError as error:
        raise NoWayBackError(f"the endpoint {name} is gone, and so is its model: {package.model_data_url}") from error
    return package


def moved_by_hand(leaving: LiveVersion, record: Release | None) -> str:
    """Return a sentence when the records don't say that what serves should; empty when all agrees."""
    if record is None:
        serves = f"release {leaving.release_id}, which is not on record" if leaving.serves else "no release"
        return f"The alias was moved by hand: its version {leaving.version} serves {serves}."
    if record.state in (State.LIVE, State.PROMOTING) and not record.item.get("retiredAt"):
        return ""
    return (
        f"The alias was moved by hand: it points to version {leaving.version} of release {record.release_id}, "
        f"which is {record.state}."
    )


def is_forward(leaving: str, target: str) -> bool:
    """Return whether one goes to a later release, from which one came back before. Ids sort by time."""
    return target > leaving


def _predecessor(production: Production, leaving: LiveVersion, outside: Outside) -> str:
    """Return the nearest release before the present one that was not rolled back itself."""
    shift = production.shift
    if shift is not None and shift.undoes:
        to = (
            f"release {leaving.release_id}" if leaving.serves else f"version {leaving.version}, which serves no release"
        )
        raise NoWayBackError(
            f"CodeDeploy is sending traffic back already, by the deployment {shift.deployment_id}, to {to}. "
            "If you mean a release before that, say which, by releaseId"
        )
    if shift is not None:
        before = outside.functions.version(shift.current_version)
        if before.serves:
            return before.release_id
        raise NoWayBackError(
            f"nothing was live before release {leaving.release_id}, to which traffic is just being shifted. "
            f"To stop that: aws deploy stop-deployment --deployment-id {shift.deployment_id} --auto-rollback-enabled"
        )
    if not leaving.serves:
        raise NoWayBackError(
            f"production serves no release: the alias points to version {leaving.version}. "
            "Say which release to go to, by releaseId"
        )
    release = outside.releases.find(leaving.release_id)
    while release is not None and release.champion is not None:
        release = outside.releases.find(release.champion.release_id)
        if release is not None and release.state in RETURNING and release.state is not State.ROLLED_BACK:
            return release.release_id
    raise NoWayBackError(
        f"release {leaving.release_id} has no predecessor that was not rolled back itself. "
        "If you mean another release, say which, by releaseId"
    )
