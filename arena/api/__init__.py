"""The HTTP doors beside the interactive board: JSON and CSV, and pages that need no JavaScript."""
