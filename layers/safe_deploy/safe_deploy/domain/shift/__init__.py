"""Shifting traffic to a candidate: by which steps, what is watched meanwhile, and what it takes to go on."""
