"""Describe data and compare them with a baseline. The job analyze.py is a thin main over this package."""
