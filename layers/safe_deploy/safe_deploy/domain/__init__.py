"""Decisions, in plain Python: no AWS API, no clock, no environment. Used by every function."""
