"""Rules of composite alarms."""

from __future__ import annotations

import pytest

from localaws.cloudwatch.alarm_rules import parse_rule
from localaws.errors import AwsError

STATES = {"a": "ALARM", "b": "OK", "c": "INSUFFICIENT_DATA", "d e": "ALARM"}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("ALARM(a)", True),
        ("ALARM(b)", False),
        ("OK(b) AND ALARM(a)", True),
        ("ALARM(b) OR ALARM(a) AND OK(a)", False),
        ("(ALARM(b) OR ALARM(a)) AND NOT OK(a)", True),
        ('ALARM("d e") AND INSUFFICIENT_DATA(c)', True),
        ("ALARM(arn:aws:cloudwatch:us-east-1:123456789012:alarm:a)", True),
        ("NOT (TRUE AND FALSE)", True),
        ("FALSE OR OK(b)", True),
    ],
)
def test_rules(text: str, holds: bool) -> None:
    rule, _ = parse_rule(text)
    assert rule(STATES.__getitem__) is holds


def test_the_alarms_of_a_rule_are_known() -> None:
    assert parse_rule('ALARM(a) OR NOT OK("d e") OR FALSE')[1] == {"a", "d e"}


@pytest.mark.parametrize("text", ["", "ALARM", "ALARM()", "ALARM(a) AND", "ALARM(a) OK(b)", "(ALARM(a)", "x"])
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(AwsError, match="Error in AlarmRule"):
        parse_rule(text)
