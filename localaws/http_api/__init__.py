"""API Gateway's HTTP APIs: each listens on a port of its own and calls Lambda functions."""
