"""The command line: `python -m cli`; where the project is installed, `safe-deploy`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from cli.audit import audit
from cli.decide import decide
from cli.releases import releases, status
from cli.stack import CliError, Stack
from cli.upkeep import costs, rollback

INSTALLED = "safe-deploy"


def program() -> str:
    """How the person has called it."""
    return INSTALLED if Path(sys.argv[0]).name == INSTALLED else "python -m cli"


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    made = argparse.ArgumentParser(prog=program(), description="Releases from the terminal, on AWS or on a laptop.")
    which = "the stack's name (default: the environment variable SAFE_DEPLOY_STACK)"
    made.add_argument("--stack", default=os.environ.get("SAFE_DEPLOY_STACK", ""), help=which)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--stack", default=argparse.SUPPRESS, help=which)
    commands = made.add_subparsers(dest="command", required=True)

    def add(name: str, words: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=words, description=f"{words[:1].upper()}{words[1:]}.", parents=[common])

    listing = add("releases", "the newest releases and their states")
    listing.add_argument("--count", type=positive, default=10, help="how many (default: %(default)s)")
    add("status", "where a release stands").add_argument("release", type=given, help="the release's id")
    trail = add("audit", "who did what with a release, when")
    trail.add_argument("release", type=given, help="the release's id; `unknown` for visits that opened nothing")
    trail.add_argument("--json", action="store_true", help="the whole trail as JSON")
    for name in ("approve", "reject"):
        choice = add(name, f"{name} a release under your IAM identity")
        choice.add_argument("release", type=given, help="the release's id")
        choice.add_argument("--reason", default="", required=name == "reject", help="a comment; to reject, why")
        choice.add_argument("--yes", action="store_true", help="don't ask to type the release's id")
    back = add("rollback", "go back to the predecessor, or to a release that was live")
    back.add_argument("release", nargs="?", type=given, help="the release's id (default: the predecessor)")
    back.add_argument("--reason", required=True, help="why")
    back.add_argument("--yes", action="store_true", help="don't ask to type the release's id, or the stack's name")
    add("costs", "what runs and costs, why, and what the next tidying removes")
    return made


def positive(text: str) -> int:
    """A whole number above 0."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return number


def given(text: str) -> str:
    """A text that isn't empty: a variable that isn't set must not stand for another release."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty")
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 1 when it could not be done."""
    made = parser()
    options = made.parse_args(arguments)
    if not options.stack:
        made.error("which stack? Give --stack, or set SAFE_DEPLOY_STACK")
    try:
        print(run(options))
    except CliError as error:
        if error.found:
            print(error.found)
        return failed(error)
    except (ClientError, BotoCoreError) as error:
        return failed(error)
    except KeyboardInterrupt:
        return failed("interrupted")
    return 0


def failed(words: object) -> int:
    """Say what went wrong."""
    print(f"{program()}: {words}", file=sys.stderr)
    return 1


def run(options: argparse.Namespace) -> str:
    """Run one command and return what it prints. Raises CliError."""
    stack = Stack(options.stack)
    if options.command == "releases":
        return releases(stack, options.count)
    if options.command == "status":
        return status(stack, options.release)
    if options.command == "audit":
        return audit(stack, options.release, as_json=options.json)
    if options.command == "rollback":
        return rollback(
            stack,
            options.release,
            options.reason,
            say=say,
            confirm=lambda: options.yes or typed(options.release or options.stack, "go back"),
        )
    if options.command == "costs":
        return costs(stack)
    return decide(
        stack,
        options.release,
        options.command,
        options.reason,
        say=say,
        confirm=lambda: options.yes or typed(options.release, f"{options.command} it"),
    )


def say(text: str) -> None:
    """Tell the person something that is no result."""
    print(text, file=sys.stderr)


def typed(expected: str, to: str) -> bool:
    """Whether the person types a release's id or the stack's name, to show that they mean it."""
    print(f"Type {expected} to {to}: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() == expected


if __name__ == "__main__":
    sys.exit(main())
