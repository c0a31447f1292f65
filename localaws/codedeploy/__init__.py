"""CodeDeploy for Lambda on a laptop: hooks, alarms, rollback, real alias weights."""
