"""Metrics, alarms and dashboards of the laptop's AWS."""
