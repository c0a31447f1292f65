"""The command line: `python -m cli`, installed as `safe-deploy`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError

from cli.audit import audit
from cli.decide import decide
from cli.releases import releases, status
from cli.stack import CliError, Stack
from cli.upkeep import costs, rollback


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    made = argparse.ArgumentParser(prog="safe-deploy", description=__doc__)
    made.add_argument("--stack", default="taxi-fare", help="the stack's name (default: %(default)s)")
    commands = made.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("releases", help="the newest releases and their states")
    listing.add_argument("--count", type=int, default=10, help="how many (default: %(default)s)")
    for name, words in (
        ("status", "where a release stands"),
        ("audit", "who did what with a release, when"),
        ("approve", "approve a release under your IAM identity"),
        ("reject", "reject a release under your IAM identity"),
    ):
        command = commands.add_parser(name, help=words)
        command.add_argument("release", help="the release's id, or for audit: unknown")
        if name == "audit":
            command.add_argument("--json", action="store_true", help="the whole trail as JSON")
        if name in ("approve", "reject"):
            command.add_argument("--reason", default="", required=name == "reject", help="a comment; to reject, why")
            command.add_argument("--yes", action="store_true", help="don't ask to type the release's id")
    back = commands.add_parser("rollback", help="go back to the predecessor, or to a release that was live")
    back.add_argument("release", nargs="?", default="", help="the release's id (default: the predecessor)")
    back.add_argument("--reason", required=True, help="why")
    commands.add_parser("costs", help="what runs and costs, why, and what the next tidying removes")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 1 when it could not be done."""
    given = parser().parse_args(arguments)
    try:
        print(run(given))
    except (CliError, ClientError, BotoCoreError) as error:
        print(f"safe-deploy: {error}", file=sys.stderr)
        return 1
    return 0


def run(given: argparse.Namespace) -> str:
    """Run one command and return what it prints. Raises CliError."""
    stack = Stack(given.stack)
    if given.command == "releases":
        return releases(stack, given.count)
    if given.command == "status":
        return status(stack, given.release)
    if given.command == "audit":
        return audit(stack, given.release, as_json=given.json)
    if given.command == "rollback":
        return rollback(stack, given.release, given.reason)
    if given.command == "costs":
        return costs(stack)
    return decide(
        stack,
        given.release,
        given.command,
        given.reason,
        say=lambda text: print(text, file=sys.stderr),
        confirm=lambda: given.yes or typed(given.release, given.command),
    )


def typed(release_id: str, choice: str) -> bool:
    """Whether the person types the release's id, to show that they mean it."""
    print(f"Type {release_id} to {choice} it: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() == release_id


if __name__ == "__main__":
    sys.exit(main())
