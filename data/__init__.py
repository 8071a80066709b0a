"""Reference values and small data sets; no code."""
