"""What the scoring child does: a record out of accepted outputs, a scorecard out of a record and its references."""

from __future__ import annotations
