"""What is measured, against what, in one run on the same work."""
