"""Hidden studies and their references: read defensively, stripped, sealed under opaque names."""
