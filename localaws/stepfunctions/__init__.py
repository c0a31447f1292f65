"""Step Functions for the laptop: an interpreter of the States Language's JSONata dialect, and the service.

`definition` reads a state machine or says what is wrong with it, `interpreter` runs one with whatever does
its tasks, `testing` runs one with mocked tasks, and `service` is the API behind the front door.
"""
