"""CloudWatch Logs: the inference function's log, line by line. Used by watch_shift."""

from __future__ import annotations

from safe_deploy.domain.ports import LogEvent
from safe_deploy.gateways.clients import client, translating


class CloudWatchRequestLogs:
    """The log group that every version of the inference function writes to."""

    def __init__(self, group: str) -> None:
        self.group = group

    def read(self, start: int, end: int, pages: int) -> tuple[list[LogEvent], bool]:
        """Return the lines from `start` to `end`, both included, in the order of their time, and whether all of them.

        A page may be empty though others follow: only the token says whether there are more.
        """
        found: list[LogEvent] = []
        asked = {"logGroupName": self.group, "startTime": start, "endTime": end}
        token: str | None = None
        for _ in range(pages):
            with translating(f"read the log {self.group}"):
                page = client("logs").filter_log_events(**asked, **({"nextToken": token} if token else {}))
            found += [
                LogEvent(
                    int(event["timestamp"]),
                    int(event["ingestionTime"]),
                    str(event["logStreamName"]),
                    str(event["message"]),
                )
                for event in page.get("events", ())
            ]
            token = page.get("nextToken")
            if not token:
                break
        found.sort(key=lambda event: event.timestamp)
        return found, not token
