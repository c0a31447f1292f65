"""CloudFormation for SAM stacks: order, update, replacement, rollback, delete. Everything is made by public APIs."""
