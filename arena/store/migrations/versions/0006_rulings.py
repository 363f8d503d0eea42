"""Why an evaluation ended without a score: the organiser's word, or this host gave it up."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one revision forward."""
    op.create_table(
        "ruling",
        sa.Column("evaluation_code", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["evaluation_code"], ["evaluation.code"], name=op.f("fk_ruling_evaluation_code_evaluation")
        ),
        sa.PrimaryKeyConstraint("evaluation_code", name=op.f("pk_ruling")),
    )
