"""Operating points (TOML); no code."""
