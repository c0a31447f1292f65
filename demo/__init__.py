"""The main job, end to end, on this machine: `make demo`. Talks to the app only through AWS's APIs."""
