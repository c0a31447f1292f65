"""Compare candidate and champion while traffic shifts, at any moment and without inflating false alarms."""

from safe_deploy.domain.analysis.analysis import Analysis
from safe_deploy.domain.analysis.history import spread
from safe_deploy.domain.analysis.observation import CANDIDATE, CHAMPION, Observation
from safe_deploy.domain.analysis.policy import AnalysisPolicy
from safe_deploy.domain.analysis.predictions import largest_shift
from safe_deploy.domain.analysis.verdict import Estimate, Finding, Status, Verdict

__all__ = [
    "CANDIDATE",
    "CHAMPION",
    "Analysis",
    "AnalysisPolicy",
    "Estimate",
    "Finding",
    "Observation",
    "Status",
    "Verdict",
    "largest_shift",
    "spread",
]
