"""Turn a drop into training data. The job prepare.py is a thin main over this package."""
