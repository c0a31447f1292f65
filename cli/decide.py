"""`safe-deploy approve` and `reject`: a decision under the caller's own IAM identity, about the evidence shown."""

from __future__ import annotations

import hashlib
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from cli.stack import CliError, Stack
from cli.text import in_lines, on_one_line

PAST = {"approve": "approved", "reject": "rejected"}


def decide(
    stack: Stack, release_id: str, choice: str, reason: str, *, say: Callable[[str], None], confirm: Callable[[], bool]
) -> str:
    """Show what is asked, have it confirmed, send the decision; return what is decided now. Raises CliError."""
    record = stack.release(release_id)
    if not record.get("evidenceDigest") or not record.get("question"):
        raise CliError(f"nobody is asked about release {release_id}: it is {record['state']}")
    say(shown(record, evidence_file(stack, release_id, record["evidenceDigest"])))
    if not confirm():
        raise CliError("nothing was decided")
    body = {"decision": choice, "evidenceDigest": record["evidenceDigest"], "reason": reason}
    answer = post(stack, f"releases/{release_id}/decision", body)
    by = on_one_line(answer["by"])
    if answer["state"] not in (PAST[choice], "pending"):
        raise CliError(f"too late: release {release_id} was {answer['state']} by {by}")
    if answer["state"] == "pending":
        return f"Your yes is recorded ({by}); others have to agree, too."
    return f"Release {release_id} is {answer['state']}, by {by} ({answer['delivery']})."


def evidence_file(stack: Stack, release_id: str, digest: str) -> str:
    """Return where the evidence is. Raises CliError when it isn't what the decision is bound to."""
    bucket, key = stack.output("ArtifactBucketName"), f"releases/{release_id}/evidence.json"
    content = stack.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    if hashlib.sha256(content).hexdigest() != digest:
        raise CliError(
            f"s3://{bucket}/{key} was changed since release {release_id} was asked about; nothing was decided"
        )
    return f"s3://{bucket}/{key}"


def shown(record: dict[str, Any], evidence: str) -> str:
    """Return what people are asked, in the app's words, and what exactly the decision is about."""
    return (
        f"Release {record['releaseId']}, {record['state']}\n\n{in_lines(record['question'])}\n\n"
        f"All of the evidence: {evidence}\nIts SHA-256, which the decision is bound to: {record['evidenceDigest']}\n"
    )


def post(stack: Stack, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Send JSON to the app's API, signed as the caller. Raises CliError with what the API says."""
    url, data = f"{stack.output('ApiUrl').rstrip('/')}/{path}", json.dumps(body).encode()
    request = AWSRequest("POST", url, {"Content-Type": "application/json"}, data)
    credentials, region = stack.session.get_credentials(), stack.session.region_name
    if credentials is None or region is None:
        raise CliError("give AWS credentials and a Region, as AWS's own tools take them")
    SigV4Auth(credentials.get_frozen_credentials(), "execute-api", region).add_auth(request)
    sent = urllib.request.Request(url, data, dict(request.headers.items()), method="POST")  # noqa: S310
    try:
        with urllib.request.urlopen(sent, timeout=30) as answer:  # noqa: S310
            found: dict[str, Any] = json.loads(answer.read())
            return found
    except urllib.error.HTTPError as error:
        text = error.read().decode(errors="replace")
        raise CliError(f"{error.code}: {on_one_line(_message(text))}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise CliError(
            f"no answer that can be read came from {url}: {error}. The decision may be recorded all the same: "
            "`audit` tells; sending the same one again does no harm"
        ) from error


def _message(text: str) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text[:500]
