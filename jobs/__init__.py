"""Our SageMaker jobs: prepare.py, evaluate.py, analyze.py, run by path inside the XGBoost image."""
