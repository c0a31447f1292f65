"""STS for the laptop: who am I, and taking a role."""
