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
from localaws.cloudformation.stacks import Stack
from localaws.errors import AwsError

if TYPE_CHECKING:
    from localaws.world import World

IAM_CAPABILITIES = {"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"}


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
    return str(params["TemplateBody"]) if given == ["TemplateBody"] else _fetch(world, params["TemplateURL"])


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


def capabilities_of(world: World, text: str) -> list[str]:
    """The capabilities that a template needs, as far as they show without values for its parameters."""
    body = template.parse(text)
    declared = body.get("Parameters") or {}
    assumed = {
        name: Parameter(name, str(entry.get("Type")), str(entry.get("Default", "0")), no_echo=False)
        for name, entry in declared.items()
    }
    stack = Stack("template", "arn:aws:cloudformation:::stack/template/0")
    pseudo = _pseudo(world, stack)
    return plan.build(text, _transformed(world, body, assumed, pseudo), assumed, pseudo, {}).capabilities()


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
