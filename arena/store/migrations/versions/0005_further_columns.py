"""Further columns of a label table, by which a challenge may declare subgroups."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one revision forward."""
    with op.batch_alter_table("study_case") as batch:
        batch.add_column(sa.Column("further", sa.JSON(), nullable=True))
