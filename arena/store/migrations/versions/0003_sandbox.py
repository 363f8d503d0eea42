"""What held an evaluation's containers in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one revision forward."""
    with op.batch_alter_table("evaluation") as batch:
        batch.add_column(sa.Column("sandbox_sha256", sa.String(), nullable=True))
        batch.add_column(sa.Column("sandboxes", sa.JSON(), nullable=True))
