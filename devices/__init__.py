"""Chip descriptions (TOML); no code."""
