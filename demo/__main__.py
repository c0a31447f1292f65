"""`make demo`: from a data drop to a model in production and its successor, watched and checked."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import time
from pathlib import Path

from demo import bad_release
from demo.account import Account
from demo.checks import Evidence, check_everything
from demo.release import Execution, Step, approval_link, decide, mails
from demo.stack import ROOT, STACK, DemoError, LocalAws, Stack
from demo.traffic import Traffic, rows_of

SAMPLES = ROOT / "model" / "samples"
MODEL_NAME = "taxi-fare"
QUIET = ("Is ", "Are ", "Has ", "Read ", "Wait ", "Watch ", "Which ")
"""States that only look or wait; the account leaves them out."""


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; 0 only when everything it claims was checked against the local AWS."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # asked to end: as Ctrl-C, nothing is left running
    account = Account()
    home = options.home.resolve()
    if options.home == ROOT / ".localaws" / "demo":
        shutil.rmtree(home, ignore_errors=True)
    aws: LocalAws | None = None
    evidence: Evidence | None = None
    good = False
    try:
        aws = LocalAws.start(home, options.time_scale, options.port)
        evidence = Evidence(Stack(aws))
        tell_the_story(account, evidence, options)

        account.act("Check every claim against the local AWS")
        good = check_everything(account, evidence)
        if options.keep:
            account.line(f"Still running, as asked: {aws.endpoint}. Ctrl-C ends it.")
            account.line("In another terminal these lines let AWS's tools and the command line find it:")
            account.console.print("\n".join(_for_another_terminal(aws)), markup=False)
            _sleep_until_interrupted()
    except DemoError as error:
        account.line(str(error), good=False)
    except KeyboardInterrupt:
        account.line("interrupted")
    finally:
        if evidence is not None and evidence.traffic is not None:
            evidence.traffic.stop()
        if aws is not None:
            aws.stop()
    account.line(f"Files: {home}   Time: {account.elapsed:.0f} s   Result: {'good' if good else 'NOT good'}")
    return 0 if good else 1


def tell_the_story(account: Account, evidence: Evidence, options: argparse.Namespace) -> None:
    """Two good releases and a bad one, the traffic that moves between them, and the watch over it."""
    stack, aws = evidence.stack, evidence.stack.aws
    account.act("Start the laptop's AWS and deploy the app with the real SAM CLI")
    account.line(f"localaws answers at {aws.endpoint}; AWS waits pass {options.time_scale:g} times faster")
    with account.working("sam build"):
        stack.build()
    account.line("sam build", good=True)
    with account.working("sam deploy"):
        stack.deploy()
    account.line(f"sam deploy --config-env local: stack {STACK}, API at {stack.outputs['ApiUrl']}", good=True)
    _confirm_mail(aws)

    account.act("Drop the trips of 2018: release 1")
    _drop(stack, "trips-2018", "2018.csv.gz")
    evidence.first = _release(account, stack, evidence, options.interactive)
    _settle(account, evidence.first)

    account.act("Live traffic begins: signed requests with trips of early 2019")
    traffic = Traffic(stack.outputs["ApiUrl"], rows_of(SAMPLES / "traffic-2019.csv.gz"), rate=options.rate)
    traffic.start()
    evidence.traffic = traffic
    _wait_for_answers(traffic, 40)
    account.line(f"{len(traffic.answers)} answers, all from release {', '.join(traffic.shares(0))}")

    account.act("Drop the trips of 2019: release 2, champion against candidate, under live traffic")
    _drop(stack, "trips-2019", "2019.csv.gz")
    evidence.second = _release(account, stack, evidence, options.interactive, traffic)

    account.act("Release 3 changes only the inference function's memory; under traffic, its answers turn wrong")
    monitoring = _start_monitoring(stack, evidence)
    account.line("Meanwhile the monitor compares what releases 1 and 2 were asked with the worlds they know")
    evidence.third = bad_release.drop(evidence)
    bad_release.follow(
        evidence.third, account, evidence, traffic, lambda link: _approve(account, link, options.interactive)
    )
    for line in bad_release.lines(evidence.third, evidence.record(evidence.third.release_id)):
        account.line(line)

    account.act("The monitor: traffic of 2019 against release 1's world of 2018, and against release 2's")
    _tell_drift(account, evidence, monitoring)

    account.act("Release 2 settles: its predecessor's time is over")
    _settle(account, evidence.second)
    traffic.stop()
    failed = [answer for answer in traffic.answers if answer.status != 200]
    account.line(f"{len(traffic.answers)} requests were answered, {len(failed)} failed", good=not failed)


def _release(
    account: Account, stack: Stack, evidence: Evidence, interactive: bool, traffic: Traffic | None = None
) -> Execution:
    """Follow one release until it serves, playing (or waiting for) the person who approves."""
    execution = Execution.newest(stack, stack.outputs["ReleaseStateMachineArn"], set(evidence.executions))
    evidence.executions[execution.arn] = execution
    account.line(f"The rule on the drop bucket started execution {execution.arn.rsplit(':', 1)[1]}")
    known_mails = len(mails(stack.aws))
    asked: list[tuple[str, str]] = []
    shifting = {"since": 0.0}

    def told(step: Step) -> None:
        _tell(account, step)
        if step.state == "Shift Traffic":
            shifting["since"] = time.monotonic()

    def mailed() -> bool:
        for mail in mails(stack.aws)[known_mails:]:
            release_id = evidence.release_id(mail)
            link = approval_link(stack.aws, release_id)
            if link and link not in evidence.links:
                asked.append((release_id, link))
        return bool(asked)

    with account.working("the release is under way"):
        execution.follow(told, until=mailed)
    if not asked:
        raise DemoError(f"the release ended before anyone was asked: {execution.describe()}")
    release_id, link = asked[0]
    evidence.links.append(link)
    evidence.releases[execution.arn] = release_id
    _approve(account, link, interactive)

    def serves() -> bool:
        if traffic is not None and shifting["since"]:
            evidence.watch_shift(account, traffic, shifting["since"])
        return execution.is_in("Is There a Predecessor?")

    with account.working("a person decides, then traffic shifts"):
        described = execution.follow(told, until=serves, patience=86_400 if interactive else 240)
    for line in evidence.shift_lines(release_id):
        account.line(line)
    if not execution.is_in("Is There a Predecessor?"):
        found = evidence.hook_failures(release_id)
        raise DemoError(f"the release did not go live: {described.get('cause')} {'; '.join(found)}")
    account.line(f"Release {release_id} is live", good=True)
    return execution


def _approve(account: Account, link: str, interactive: bool) -> None:
    """Play the person who approves, or ask the one who is there."""
    if interactive:
        account.line(f"Your decision, please: {link}")
        return
    account.line(f"Mail with an approval link: {link.split('?', maxsplit=1)[0]}?key=…")
    status, page = decide(link, decision="approve", model_name=MODEL_NAME, name="The demo, for you")
    account.line("The demo opened the page, typed the model's name and approved", good=status == 200)
    if status != 200:
        raise DemoError(f"the approval was not taken (status {status}): {page[:600]}")


def _settle(account: Account, execution: Execution) -> None:
    """Follow a release from live to its end: the predecessor's grace time, and its removal."""
    with account.working("the release settles"):
        described = execution.follow(lambda step: _tell(account, step))
    ended = f"ended as {described['status']}: {described.get('output') or described.get('cause')}"
    account.line(f"The execution {ended}", good=described["status"] == "SUCCEEDED")


def _tell(account: Account, step: Step) -> None:
    if not step.state.startswith(QUIET):
        account.line(f"{step.state:<34} {step.seconds:6.1f} s")


def _start_monitoring(stack: Stack, evidence: Evidence) -> dict[int, Execution]:
    client, running = stack.aws.client("stepfunctions"), dict[int, Execution]()
    for number, release in enumerate((evidence.first, evidence.second), start=1):
        if release is None:
            raise DemoError(f"release {number} is missing")
        started = client.start_execution(
            stateMachineArn=stack.outputs["MonitorStateMachineArn"],
            input=evidence.monitoring_window(evidence.id_of(release)),
        )
        running[number] = Execution(stack.aws, started["executionArn"])
    return running


def _tell_drift(account: Account, evidence: Evidence, running: dict[int, Execution]) -> None:
    for number, execution in running.items():
        described = execution.follow(lambda _step: None)
        evidence.monitored[number] = described
        if described["status"] != "SUCCEEDED":
            raise DemoError(f"monitoring of release {number} ended as {described['status']}: {described.get('cause')}")
        for line in evidence.drift_lines(number):
            account.line(line)


def _drop(stack: Stack, name: str, file: str) -> None:
    stack.drop(name, {file: (SAMPLES / file).read_bytes()})


def _confirm_mail(aws: LocalAws) -> None:
    """The approver's address confirms its subscription, as AWS asks of it once."""
    aws.post("/_localaws/confirm-subscriptions")


def _wait_for_answers(traffic: Traffic, number: int, patience: float = 30) -> None:
    deadline = time.monotonic() + patience
    while len(traffic.answers) < number:
        if time.monotonic() > deadline:
            raise DemoError(f"only {len(traffic.answers)} answers in {patience:.0f} s: {traffic.answers[-1:]}")
        time.sleep(0.05)


def _for_another_terminal(aws: LocalAws) -> list[str]:
    """What a person types there first: the lines of `python -m localaws`, the stack's name, a command to try."""
    found = [f"export {name}={value}" for name, value in aws.environment().items() if name.startswith("AWS_")]
    return [*found, f"export SAFE_DEPLOY_STACK={STACK}", ".venvs/tools/bin/python -m cli releases"]


def _sleep_until_interrupted() -> None:
    while True:
        time.sleep(3600)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--interactive", action="store_true", help="print the approval link and wait for your click")
    parser.add_argument("--keep", action="store_true", help="leave localaws running at the end, until Ctrl-C")
    parser.add_argument("--port", type=int, default=0, help="port of localaws (default: a free one)")
    parser.add_argument("--rate", type=float, default=20.0, help="requests a second of live traffic")
    parser.add_argument("--time-scale", type=float, default=20.0, help="AWS seconds that pass in a real one")
    parser.add_argument("--home", type=Path, default=ROOT / ".localaws" / "demo", help="where localaws writes")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
