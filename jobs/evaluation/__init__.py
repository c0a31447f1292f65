"""Compare the candidate with the champion. The job evaluate.py is a thin main over this package."""
