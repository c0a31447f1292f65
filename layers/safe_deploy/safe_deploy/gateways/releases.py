"""Release records, drops and data, in the table. Used by every function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from safe_deploy.domain.manifest import Drop
from safe_deploy.domain.monitoring import iso
from safe_deploy.domain.release import RETURNING, Release, State, may_precede
from safe_deploy.errors import ConditionFailedError, IllegalTransitionError, NotFoundError, TransientError
from safe_deploy.gateways.audit import TableAudit
from safe_deploy.gateways.table import ABSENT, Key, Table, TransactionRefusedError


def release_key(release_id: str) -> Key:
    """Return the key of a release's record."""
    return Key("RELEASE", release_id)


def transition(origins: Sequence[State]) -> tuple[str, dict[str, Any]]:
    """Return the condition, with its values, that a release is in one of some states."""
    values = {f"from{place}": str(origin) for place, origin in enumerate(origins)}
    return f"#state IN ({', '.join(f':{name}' for name in values)})", values


class TableReleases:
    """Release records in the table."""

    def __init__(self, table: Table, audit: Callable[[], TableAudit]) -> None:
        self.table, self._audit = table, audit

    def register(self, release_id: str, drop: Drop, execution_arn: str, now: datetime) -> str | None:
        """Create a record and claim its drop, both or neither; return another release that has the drop."""
        record = self._new(release_id, State.REGISTERED, now)
        record |= {"drop": drop.to_item(), "executionArn": execution_arn}
        claim = Key("DROP", drop.identity)
        try:
            self.table.transact(
                {"Put": self.table.put_request(release_key(release_id), record, ABSENT)},
                {"Put": self.table.put_request(claim, {"releaseId": release_id}, ABSENT)},
            )
        except TransactionRefusedError as error:
            owner = (self.table.get(claim) or {}).get("releaseId")
            if owner is None or (owner == release_id and self.find(release_id) is None):
                raise TransientError(f"release {release_id} changed while it was registered") from error
            return None if owner == release_id else str(owner)
        return None

    def claim_data(self, digest: str, release_id: str, code_digest: str) -> tuple[str, str] | None:
        """Claim a drop's content; return (release id, code digest) of the release that has it, if another."""
        key = Key("DATA", digest)
        try:
            self.table.put(
                key,
                {"releaseId": release_id, "codeDigest": code_digest},
                f"{ABSENT} OR #releaseId = :me",
                me=release_id,
            )
        except ConditionFailedError:
            owner = self.table.get(key)
            if owner is None:
                raise TransientError(f"the claim on data {digest[:12]} changed while it was read") from None
            return str(owner["releaseId"]), str(owner["codeDigest"])
        return None

    def take_data(self, digest: str, release_id: str, code_digest: str, *, previous: str) -> None:
        """Take a claim over from `previous`. Raises ConditionFailedError when somebody else has it by now."""
        self.table.put(
            Key("DATA", digest),
            {"releaseId": release_id, "codeDigest": code_digest},
            "#releaseId IN (:me, :previous)",
            me=release_id,
            previous=previous,
        )

    def create(self, release_id: str, state: State, attributes: Mapping[str, Any], now: datetime) -> bool:
        """Create a record outside registration; return whether there was none."""
        try:
            self.table.put(release_key(release_id), {**self._new(release_id, state, now), **attributes}, ABSENT)
        except ConditionFailedError:
            return False
        return True

    def find(self, release_id: str) -> Release | None:
        """Return a record, or None."""
        item = self.table.get(release_key(release_id))
        return None if item is None else Release.from_item(item)

    def get(self, release_id: str) -> Release:
        """Return a record. Raises NotFoundError."""
        found = self.find(release_id)
        if found is None:
            raise NotFoundError(f"there is no release {release_id}")
        return found

    def update(
        self, release_id: str, attributes: Mapping[str, Any], now: datetime, *, state: State | None = None
    ) -> Release:
        """Write attributes, and the state if one is given. Raises IllegalTransitionError, NotFoundError."""
        changes = {**attributes, "updatedAt": iso(now)}
        condition, values = "attribute_exists(#pk)", dict[str, Any]()
        if state is not None:
            changes["state"] = str(state)
            condition, values = transition(may_precede(state))
        return self._written(release_id, changes, condition, values)

    def retire(self, release_id: str, keeper: str, now: datetime) -> Release:
        """Note that a release's endpoint goes. Raises ConditionFailedError when somebody else keeps it by now."""
        present = self.get(release_id).state
        changes = {
            "retiredAt": iso(now),
            "updatedAt": iso(now),
            "state": str(State.RETIRED if present is State.LIVE else present),
        }
        kept = "#keeper = :keeper" if keeper else "attribute_not_exists(#keeper)"
        values = {"present": str(present), **({"keeper": keeper} if keeper else {})}
        condition = f"#state = :present AND {kept}"
        return Release.from_item(self.table.update(release_key(release_id), changes, condition, **values))

    def restore(self, release_id: str, attributes: Mapping[str, Any], now: datetime) -> Release:
        """Write attributes of a release that serves again, and that it is live. Raises IllegalTransitionError."""
        serving = {"state": str(State.LIVE), "retiredAt": "", "updatedAt": iso(now)}
        return self._written(release_id, {**attributes, **serving}, *transition(RETURNING))

    def audit(self, release_id: str, event: str, actor: str, detail: Mapping[str, Any], now: datetime) -> bool:
        """Append to the audit trail; the same entry twice is kept once. Return whether it is new."""
        return self._audit().append(release_id, event, actor, detail, now)

    def _written(
        self, release_id: str, changes: Mapping[str, Any], condition: str, values: Mapping[str, Any]
    ) -> Release:
        try:
            item = self.table.update(release_key(release_id), changes, condition, **values)
        except ConditionFailedError:
            present = self.get(release_id)
            raise IllegalTransitionError(
                f"release {release_id} is {present.state}, which {changes.get('state')} can't follow"
            ) from None
        return Release.from_item(item)

    @staticmethod
    def _new(release_id: str, state: State, now: datetime) -> dict[str, Any]:
        at = iso(now)
        return {"releaseId": release_id, "state": str(state), "createdAt": at, "updatedAt": at}
