"""Saved placements (TOML); no code."""
