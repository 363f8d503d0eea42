"""Building images: the base, vendors' folders, and the probes of the conformance checks."""
