"""A score's number of cases may be absent: 0 stood where it was not told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# Up to now these were written with a count of 0 though the called and the cleared had not been counted: of a finding
# that too few patients hold, and of an entry that is refused for its missing answers.
_UNTOLD = ("ppv", "npv"), ("too_few_patients", "missing_answers")

_SCORE = sa.table(
    "score",
    sa.column("metric", sa.String()),
    sa.column("n", sa.Integer()),
    sa.column("n_positive", sa.Integer()),
    sa.column("reason", sa.String()),
)


def upgrade() -> None:
    """Go one revision forward: what was 0 for want of a count becomes absent."""
    with op.batch_alter_table("score") as batch:
        batch.alter_column("n", existing_type=sa.Integer(), nullable=True)
    metrics, reasons = _UNTOLD
    untold = _SCORE.update().where(_SCORE.c.n == 0, _SCORE.c.metric.in_(metrics), _SCORE.c.reason.in_(reasons))
    op.execute(untold.values(n=None, n_positive=None))


def downgrade() -> None:
    """Go back: the older schema has no other way than 0 to say that a count is absent."""
    op.execute(_SCORE.update().where(_SCORE.c.n.is_(None)).values(n=0))
    with op.batch_alter_table("score") as batch:
        batch.alter_column("n", existing_type=sa.Integer(), nullable=False)
