"""The ledger of feedback, and a vendor's second choice for the final."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one revision forward."""
    with op.batch_alter_table("submission") as batch:
        batch.add_column(sa.Column("second_choice", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("submission") as batch:
        batch.alter_column("second_choice", existing_type=sa.Boolean(), existing_nullable=False, server_default=None)

    op.create_table(
        "feedback",
        sa.Column("scorecard_code", sa.String(), nullable=False),
        sa.Column("disclosed", sa.String(), nullable=False),
        sa.Column("challenge_slug", sa.String(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("vendor_code", sa.String(), nullable=False),
        sa.Column("submission_code", sa.String(), nullable=False),
        sa.Column("leaderboard_code", sa.String(), nullable=True),
        sa.Column("bits", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["challenge_slug"], ["challenge.slug"], name=op.f("fk_feedback_challenge_slug_challenge")),
        sa.ForeignKeyConstraint(
            ["leaderboard_code"], ["leaderboard.code"], name=op.f("fk_feedback_leaderboard_code_leaderboard")
        ),
        sa.ForeignKeyConstraint(["scorecard_code"], ["scorecard.code"], name=op.f("fk_feedback_scorecard_code_scorecard")),
        sa.ForeignKeyConstraint(
            ["submission_code"], ["submission.code"], name=op.f("fk_feedback_submission_code_submission")
        ),
        sa.ForeignKeyConstraint(["vendor_code"], ["vendor.code"], name=op.f("fk_feedback_vendor_code_vendor")),
        sa.PrimaryKeyConstraint("scorecard_code", "disclosed", name=op.f("pk_feedback")),
    )
    op.create_index("ix_feedback_phase", "feedback", ["challenge_slug", "phase", "vendor_code"], unique=False)

