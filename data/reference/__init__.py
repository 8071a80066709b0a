"""Expected values with tolerance and source (CSV); no code."""
