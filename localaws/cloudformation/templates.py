"""From what a caller sends to a plan: fetches, parses, transforms, checks capabilities. For the service."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from botocore.exceptions import ClientError

from localaws.cloudformation import parameters, plan, sam, template
from localaws.cloudformation.errors import invalid
from localaws.cloudformation.parameters import Parameter
from localaws.cloudformation.plan import Plan
from localaws.cloudformation.resources import TYPES
from localaws.cloudformation.stacks import Stack
from localaws.errors import AwsError

if TYPE_CHECKING:
    from localaws.world import World

IAM_CAPABILITIES = {"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"}
ROLE_MAKERS = {"AWS::Serverless::Function", "AWS::Serverless::StateMachine"}
MAXIMUM_BODY_BYTES = 51_200
MAXIMUM_OBJECT_BYTES = 1024 * 1024
"""AWS's limits on a template: in the call, and in S3."""


def text_of(world: World, params: Mapping[str, Any], stack: Stack | None = None) -> str:
    """The template that a call gives: TemplateBody, TemplateURL, or the stack's own."""
    given = [name for name in ("TemplateBody", "TemplateURL") if params.get(name)]
    if params.get("UsePreviousTemplate"):
        given.append("UsePreviousTemplate")
    if len(given) != 1:
        raise invalid("Either Template URL or Template Body must be specified.")
    if given == ["UsePreviousTemplate"]:
        if stack is None or not stack.original:
            raise invalid("There is no previous template to use.")
        return stack.original
    inside = given == ["TemplateBody"]
    text = str(params["TemplateBody"]) if inside else _fetch(world, params["TemplateURL"])
    limit = MAXIMUM_BODY_BYTES if inside else MAXIMUM_OBJECT_BYTES
    if len(text.encode()) > limit:
        raise invalid(f"1 validation error detected: '{given[0]}' must have length less than or equal to {limit}")
    return text


def make(
    world: World,
    stack: Stack,
    text: str,
    given: list[dict[str, Any]],
    tags: Mapping[str, str],
    *,
    update: bool,
) -> Plan:
    """The plan of a template for a stack."""
    body = template.parse(text)
    resolved = parameters.resolve(body.get("Parameters") or {}, given, stack.parameters if update else None)
    pseudo = _pseudo(world, stack)
    return plan.build(text, _transformed(world, body, resolved, pseudo), resolved, pseudo, tags)


def capabilities_of(body: template.Body) -> list[str]:
    """The capabilities that a template needs, as far as it shows before conditions and transforms."""
    found = set()
    for resource in (body.get("Resources") or {}).values():
        kind, properties = str(resource.get("Type")), resource.get("Properties") or {}
        if kind.startswith("AWS::IAM::"):
            handler = TYPES.get(kind)
            named = handler is not None and handler.name_property in properties
            found.add("CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM")
        elif kind in ROLE_MAKERS and "Role" not in properties:
            found.add("CAPABILITY_IAM")
    if template.transforms(body):
        found.add("CAPABILITY_AUTO_EXPAND")
    return sorted(found)


def acknowledge(found: Plan, acknowledged: list[str], *, direct: bool) -> None:
    """Raise `InsufficientCapabilitiesException` unless the caller acknowledged what the template does.

    `direct` is a creation or an update without a change set, where a transform must be acknowledged too.
    """
    missing = []
    needed = found.capabilities()
    allowed = IAM_CAPABILITIES if needed == ["CAPABILITY_IAM"] else {"CAPABILITY_NAMED_IAM"}
    if needed and not allowed & set(acknowledged):
        missing += needed
    if direct and template.transforms(template.parse(found.original)) and "CAPABILITY_AUTO_EXPAND" not in acknowledged:
        missing.append("CAPABILITY_AUTO_EXPAND")
    if missing:
        raise AwsError("InsufficientCapabilitiesException", f"Requires capabilities : [{', '.join(missing)}]")


def shown(body: template.Body) -> str:
    """A processed template as GetTemplate gives it."""
    return json.dumps(body)


def _transformed(
    world: World, body: template.Body, resolved: Mapping[str, Parameter], pseudo: Mapping[str, Any]
) -> template.Body:
    if not template.transforms(body):
        if "Globals" in body:
            raise invalid("Template format error: Globals needs the transform AWS::Serverless-2016-10-31")
        return body
    values = {**pseudo, **{name: parameter.value for name, parameter in resolved.items()}}
    return sam.expand(body, values, world.settings.region)


def _pseudo(world: World, stack: Stack) -> dict[str, Any]:
    return {
        "AWS::AccountId": world.settings.account,
        "AWS::NotificationARNs": [],
        "AWS::Partition": "aws",
        "AWS::Region": world.settings.region,
        "AWS::StackId": stack.id,
        "AWS::StackName": stack.name,
        "AWS::URLSuffix": "amazonaws.com",
    }


def _fetch(world: World, url: str) -> str:
    """A template from S3: `http(s)://host/bucket/key`, or `https://bucket.s3….amazonaws.com/key`."""
    parts = urlsplit(url)
    host, path = parts.hostname or "", unquote(parts.path.lstrip("/"))
    if host.endswith(".amazonaws.com") and not host.startswith(("s3.", "s3-")):
        bucket, key = host.split(".s3", 1)[0], path
    else:
        bucket, _, key = path.partition("/")
    version = parse_qs(parts.query).get("versionId")
    try:
        found = world.client("s3").get_object(Bucket=bucket, Key=key, **({"VersionId": version[0]} if version else {}))
    except ClientError as error:
        raise invalid(f"S3 error: {error.response['Error']['Message']} ({url})") from error
    return str(found["Body"].read().decode())
