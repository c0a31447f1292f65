"""CloudFormation for SAM stacks: order, update, replacement, rollback, delete, all by public APIs."""
