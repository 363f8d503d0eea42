"""What vendors are told of a run: counts of endings and of files, and the log of a sample set."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one revision forward."""
    with op.batch_alter_table("evaluation") as batch:
        batch.add_column(sa.Column("ending_counts", sa.JSON(), nullable=True))
        batch.add_column(sa.Column("outputs_sha256", sa.String(), nullable=True))
        batch.add_column(sa.Column("output_counts", sa.JSON(), nullable=True))
    with op.batch_alter_table("shard_result") as batch:
        batch.add_column(sa.Column("log_sha256", sa.String(), nullable=True))
