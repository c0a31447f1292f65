"""SageMaker on a laptop: real jobs, real endpoints with data capture, model packages."""
