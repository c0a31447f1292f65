"""The parts of the evidence, one module each. Put in order by pages/evidence.py."""
