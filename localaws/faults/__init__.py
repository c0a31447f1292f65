"""Faults that a test or a demonstration asks for: calls that fail, processes that die, answers that are wrong."""
