"""Event patterns, targets and delivery of the laptop's EventBridge."""
