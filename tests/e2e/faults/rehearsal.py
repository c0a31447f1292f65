"""A machine rehearsed: the shipped definition, the real handlers, AWS in memory, and one thing that goes wrong.

A live champion serves users all the while. Hundreds of these take seconds; what processes, sockets and real waiting add
is tried on the local AWS beside it.
"""

from __future__ import annotations

import json
import re
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, ClassVar

from safe_deploy.domain.ports import Held, WaitingTask
from safe_deploy.domain.release import State, is_final

from localaws.stepfunctions.cancellation import Cancellation
from localaws.stepfunctions.failures import Failure, TaskError, timed_out
from localaws.stepfunctions.history import History
from localaws.stepfunctions.interpreter import Interpreter, Outcome, Stop
from localaws.stepfunctions.tasks import Task, is_activity
from tests.e2e.faults.account import Account, api_of, denied, no_activity, throttled, unanswered
from tests.e2e.faults.crashing import Crashing, KilledError
from tests.e2e.faults.shifts import Shifts
from tests.e2e.faults.states import OF_CALLS, RELEASE
from tests.e2e.faults.virtual import LOOK, VirtualTime, walkers
from tests.fakes.aws import FakeContext
from tests.fakes.story import FIRST, MODEL, Story, execution, load, object_created
from tests.statemachine.machines import machine

HOUR, DAY = 3_600.0, 86_400.0
REAPER_RUNS = 4
SERVED_BY = 3
"""Instances that the champion has grown to."""
TRANSIENT_TIMES = 2
NO_TASK = 2.0
"""Real seconds after which who asks for a task is told that there is none."""
CANARY = {
    "errorMargin": 0.1, "shareMargin": 0.1, "latencyTolerance": 1.0, "predictionTolerance": 1.0,
    "minimumRequests": 50, "replayRequests": 0,
    "strategy": {"type": "canary", "percent": 50, "minutes": 4},
}  # fmt: skip
"""Wide margins: proof needs few requests, and a rehearsal less time."""
FUNCTION = re.compile(r":function:(\w+)Function$")


@dataclass(frozen=True, slots=True)
class Strike:
    """What goes wrong in which state."""

    state: str
    kind: str
    """throttled, unanswered, denied, timed out, stopped, crashed."""
    made: bool = False
    """Whether the request took effect before its answer was lost."""
    at: int = 0
    """Of a crash: the call in which the function dies, from 1."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """How the machine would go if nothing else went wrong."""

    name: str
    end: str
    """The state in which it ends when nothing else goes wrong."""
    decision: str = "approve"
    hook_fails: bool = False
    worse: bool = False
    """Whether the candidate turns out slower under traffic."""
    code: bool = False
    """Whether only the inference code is released."""
    stale: bool = False
    """Whether the inference code is deployed anew after the yes, which voids it."""
    undelivered: bool = False
    """Whether the person's decision is recorded, and who hands it over dies."""
    denied: tuple[str, ...] = ()
    """States whose calls are refused, so that the machine takes its ways out."""
    lost: str = ""
    """A state whose first call is done, but whose answer is lost."""


class Asking:
    """The activity's tasks: those that nobody was handed, and those that wait for their tokens."""

    def __init__(self) -> None:
        self._scheduled: SimpleQueue[WaitingTask | None] = SimpleQueue()
        self._waiting: dict[str, tuple[Task, threading.Event]] = {}
        self.taken: set[str] = set()
        """Tokens that somebody was handed."""

    def wait_for(self, task: Task) -> tuple[threading.Event, str]:
        """What is set when the task's waiting has an end, and its token."""
        woken, token = threading.Event(), f"task-token-{len(self._waiting) + 1}"
        assert isinstance(task.cancelled, Cancellation)
        task.cancelled.listen(woken.set)
        self._waiting[token] = (task, woken)
        return woken, token

    def schedule(self, task: WaitingTask | None) -> None:
        """Let it be taken; None says that there will be none."""
        self._scheduled.put(task)

    def take(self) -> WaitingTask | None:
        """A task, as soon as there is one."""
        with suppress(Empty):
            task = self._scheduled.get(timeout=NO_TASK)
            self.taken |= {task.token} if task else set()
            return task
        return None

    def settle(self, token: str, answer: Any) -> None:
        """The token is sent back."""
        task, woken = self._waiting[token]
        task.settle(answer)
        woken.set()


@dataclass
class Rehearsal:
    """One world in memory, in which a machine runs once: here, one release is made."""

    machine: ClassVar[str] = RELEASE
    scenario: Scenario
    strike: Strike | None = None
    story: Story = field(default_factory=Story)
    struck: int = 0
    calls: list[str] = field(default_factory=list)
    """What the function that was to crash had called."""
    path: list[str] = field(default_factory=list)
    """The states that were entered."""
    ended: Outcome | None = None

    def __post_init__(self) -> None:
        worse = 4.0 if self.scenario.worse else 1.0
        self.account = Account(self.story, Shifts(self.story, self._hook, worse))
        self._mutex = threading.RLock()
        self._time = VirtualTime(self.account.pass_time)
        self._asking = Asking()
        self._end_waiting: Strike | None = None
        self._lost = False

    # ---- the clock that the interpreter is given ----

    def now(self) -> Any:
        """The fakes' time."""
        return self.story.outside.clock.now()

    def real(self, seconds: float) -> float:
        """Nothing here waits, so nothing times out by itself."""
        return seconds

    def sleep(self, seconds: float, cancelled: threading.Event | None = None) -> bool:
        """Let time pass for everybody."""
        return self._time.sleep(seconds, cancelled)

    # ---- the story ----

    def make_champion(self) -> None:
        """The first release is live, with all that belongs to one."""
        self.story.policy["canary"] |= CANARY
        self.story.deploy_code()
        self.story.until_live(FIRST)
        name, endpoints = f"{MODEL}-{FIRST}-prod", self.story.outside.endpoints
        endpoints.scaling.add(name)
        endpoints.schedules.add(f"{MODEL}-{FIRST}-monitor")
        self.story.outside.executions.statuses[execution(FIRST)] = "SUCCEEDED"
        self.account.variables |= {"ENDPOINT_NAME": name, "RELEASE_ID": FIRST}
        self.account.instances[name] = SERVED_BY
        self.story.outside.clock.advance(DAY)
        self.account.users_ask()

    def go(self) -> None:
        """Drop data and run the release machine to its end, and then what follows when it was stopped."""
        self.make_champion()
        folder = "later"
        if self.scenario.code:
            folder = "code"
            self.story.outside.functions.deploy("code-2")
            self.story.drop_code(folder)
        else:
            self.story.drop(folder, later=b"size,price\n3,4\n")
        arn = execution("second")
        if self.run_machine(object_created(folder), arn).status != "SUCCEEDED":
            self.execute("abandon", {"executionArn": arn}, execution("tidying"))

    def run_machine(self, event: Any, arn: str) -> Outcome:
        """Run the machine that is rehearsed; how it ended stays to be read."""
        executions = self.story.outside.executions
        executions.statuses[arn], executions.start = "RUNNING", self.now()
        self._known = len(self.story.outside.topic.sent)
        self.story.outside.activity = self._asking  # type: ignore[assignment]
        self.ended = self.execute(self.machine, event, arn)
        executions.statuses[arn], executions.stopped[arn] = self.ended.status, self.now()
        if self.ended.status != "SUCCEEDED":
            executions.reasons[arn] = (self.ended.error or "", self.ended.cause or "")
        return self.ended

    def told(self) -> list[str]:
        """What people were told since the machine began, but to decide."""
        return [subject for subject, _ in self.story.outside.topic.sent[self._known :] if "asks for" not in subject]

    def recorded(self) -> str | None:
        """What stands in the record of an execution that was stopped; None while that is no end."""
        releases = self.story.outside.memory.releases
        states = [str(item["state"]) for name, item in sorted(releases.items()) if name != FIRST]
        return next((state for state in states if is_final(State(state))), None)

    def reap(self) -> None:
        """Hours pass, and each time the reaper is called by its schedule; an endpoint takes one hour to go."""
        world = self.story.outside
        for _ in range(REAPER_RUNS):
            self.account.pass_time(HOUR)
            world.inventory.things = [
                Held(kind, name, f"arn:{kind}/{name}", {"safe-deploy:model": MODEL}, self.now())
                for kind, names in self.account.made().items()
                for name in sorted(names)
            ]
            load("reap_leases").handler({}, FakeContext(), outside=world)
        world.endpoints.finish_deleting()

    def execute(self, name: str, event: Any, arn: str) -> Outcome:
        """Run one of the shipped machines."""
        context = {
            "Execution": {
                "Id": arn,
                "Input": event,
                "Name": arn.rsplit(":", 1)[1],
                "RoleArn": "arn:aws:iam::111122223333:role/machine",
                "StartTime": self.now().strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "RedriveCount": 0,
            },
            "StateMachine": {"Id": f"arn:aws:states:eu-west-1:111122223333:stateMachine:{name}", "Name": name},
        }
        history, self._stop = History(self.now), Stop()
        ended = Interpreter(machine(name), self, self, history, context, self._stop).execute(event, "role")
        entered = (
            event["stateEnteredEventDetails"] for event in history.events() if "stateEnteredEventDetails" in event
        )
        names = [details["name"] for details in entered]
        self.path = names if name == self.machine else self.path
        return ended

    # ---- the tasks ----

    def run(self, task: Task) -> Any:
        """Do a task, unless something goes wrong with it."""
        if is_activity(task.resource):
            return self._await(task)
        with self._time.busy(), self._mutex:
            try:
                if task.context["StateMachine"]["Name"] != self.machine:
                    return self._do(task)
                if task.state in self.scenario.denied:
                    raise denied(task.resource)
                if self.strike is not None and self.strike.state == task.state:
                    return self._struck(task, self.strike)
                if task.state == self.scenario.lost and not self._lost:
                    self._lost = True
                    self._do(task)
                    raise unanswered(task.resource)
                return self._do(task)
            finally:
                self.account.shifts.heed_stops()
                self.account.users_ask()

    def _struck(self, task: Task, strike: Strike) -> Any:
        if strike.kind in OF_CALLS and self.struck < TRANSIENT_TIMES:
            self.struck += 1
            raise (throttled if strike.kind == "throttled" else unanswered)(task.resource)
        if strike.kind == "denied":
            self.struck += 1
            raise denied(task.resource)
        if strike.kind in ("timed out", "stopped") and not self.struck:
            self.struck += 1
            if strike.made:
                with suppress(Failure):  # its answer is lost, whatever it was
                    self._do(task)
            if strike.kind == "timed out":
                raise timed_out()
            self._stop(Outcome("ABORTED", error="Stopped", cause="by hand"))
            return None
        if strike.kind == "crashed" and not self.struck:
            return self._do(task, crash_at=strike.at, noted=True)
        return self._do(task)

    def _do(self, task: Task, crash_at: int = 0, *, noted: bool = False) -> Any:
        api = api_of(task.resource)
        if (api.service, api.operation) != ("lambda", "Invoke"):
            return self.account.call(task)
        function, payload = function_of(task.arguments["FunctionName"]), task.arguments["Payload"]
        answer = self._call(function, payload, crash_at, noted=noted)
        if function == "ask_for_approval" and answer.get("status") == "asked":
            self._decide()
        return {"StatusCode": 200, "Payload": answer}

    # ---- the task that waits for people ----

    def _await(self, task: Task) -> Any:
        """It ends when its token is sent back, or when its time is up."""
        strike = self._end_waiting = self.strike if self.strike and self.strike.state == task.state else None
        if strike and strike.kind == "denied":
            self.struck += 1
            self._asking.schedule(None)
            raise no_activity()
        woken, token = self._asking.wait_for(task)
        self.story.outside.executions.waiting.add(token)
        self._asking.schedule(WaitingTask(token, json.dumps(task.arguments)))
        while walkers() == 1 and token not in self._asking.taken and not woken.wait(LOOK):
            pass  # time must not pass before the other branch has begun
        if self._time.sleep(task.timeout or 0, woken):
            self.struck += strike is not None
            raise timed_out()
        return None  # it was settled, or nobody waits for it any more

    def _decide(self) -> None:
        """A person answers the mail, unless it is the waiting that goes wrong."""
        world, strike = self.story.outside, self._end_waiting
        if not world.executions.waiting:
            return  # the answer is there already
        late = bool(strike and strike.made and strike.kind == "timed out") or self.scenario.undelivered
        if late:
            world.executions.waiting.clear()  # the answer comes in the moment in which the time is up
        if strike is None or strike.made:
            self.story.decide(self.story.mailed_link(), self.scenario.decision, reason="it looks odd")
        if self.scenario.stale:
            world.functions.deploy("code-after-the-yes")
        if late:
            return
        if strike is None:
            self._asking.settle(*world.executions.answers[-1])
        elif strike.kind == "stopped":
            self.struck += 1
            self._stop(Outcome("ABORTED", error="Stopped", cause="by hand"))

    def _call(self, function: str, payload: Any, crash_at: int, *, noted: bool) -> Any:
        """Call a handler; its exception is the task's error, as Lambda hands it on."""
        outside = Crashing(self.story.outside, crash_at)
        try:
            answer = load(function).handler(json.loads(json.dumps(payload)), FakeContext(), outside=outside)
        except KilledError:
            self.struck += 1
            raise TaskError("Runtime.ExitError", "the process was killed") from None
        except Exception as error:
            raise TaskError(type(error).__name__, json.dumps({"errorMessage": str(error)})) from error
        finally:
            self.calls = outside.calls if noted and not self.calls else self.calls
        return json.loads(json.dumps(answer))

    def _hook(self, function: str, deployment: str) -> bool | None:
        """What a hook told CodeDeploy; None for silence."""
        if self.scenario.hook_fails:
            return False
        name = function_of(function)
        strikes = self.strike is not None and self.strike.state == name
        outside = Crashing(self.story.outside, self.strike.at if strikes and self.strike else 0)
        event = {"DeploymentId": deployment, "LifecycleEventHookExecutionId": f"{deployment}-{name}"}
        try:
            load(name).handler(event, FakeContext(), outside=outside)
        except KilledError:
            self.struck += 1
        finally:
            if strikes:
                self.calls = outside.calls
        reports = [ok for d, hook, ok in self.story.outside.deployments.reports if hook == f"{deployment}-{name}"]
        return reports[0] if reports else None


def function_of(name: str) -> str:
    """The folder of a function: `…:function:TakeLockFunction` → `take_lock`."""
    found = FUNCTION.search(name)
    assert found, name
    return re.sub(r"(?<!^)(?=[A-Z])", "_", found[1]).lower()
