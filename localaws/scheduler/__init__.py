"""EventBridge Scheduler of the laptop's AWS: fires the schedules that moto keeps."""
