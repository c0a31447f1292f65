"""The user's model/ and the jobs, as they are deployed. Read by register_drop through importlib.resources."""
