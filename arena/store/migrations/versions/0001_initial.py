"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one revision forward."""
    op.create_table(
        "case_set",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("challenge_slug", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("split", sa.String(), nullable=False),
        sa.Column("references_digest", sa.String(), nullable=False),
        sa.Column("references_size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("n_cases", sa.Integer(), nullable=False),
        sa.Column("n_patients", sa.Integer(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("exposed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_case_set")),
        sa.UniqueConstraint("challenge_slug", "name", "version", name=op.f("uq_case_set_challenge_slug_name_version")),
    )
    op.create_index("ix_case_set_challenge_slug", "case_set", ["challenge_slug"], unique=False)

    op.create_table(
        "challenge",
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("slug", name=op.f("pk_challenge")),
    )
    op.create_table(
        "vendor",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_vendor")),
        sa.UniqueConstraint("name", name=op.f("uq_vendor_name")),
    )
    op.create_table(
        "algorithm",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("vendor_code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["vendor_code"], ["vendor.code"], name=op.f("fk_algorithm_vendor_code_vendor")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_algorithm")),
        sa.UniqueConstraint("vendor_code", "name", name=op.f("uq_algorithm_vendor_code_name")),
    )
    op.create_table(
        "challenge_version",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("challenge_slug", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("judging_digest", sa.String(), nullable=False),
        sa.Column("declaration", sa.JSON(), nullable=False),
        sa.Column("rules_markdown", sa.JSON(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["challenge_slug"], ["challenge.slug"], name=op.f("fk_challenge_version_challenge_slug_challenge")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_challenge_version")),
        sa.UniqueConstraint("challenge_slug", "number", name=op.f("uq_challenge_version_challenge_slug_number")),
    )
    op.create_table(
        "leaderboard",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("challenge_slug", sa.String(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("document_sha256", sa.String(), nullable=False),
        sa.Column("document_size_bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["challenge_slug"], ["challenge.slug"], name=op.f("fk_leaderboard_challenge_slug_challenge")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_leaderboard")),
        sa.UniqueConstraint(
            "challenge_slug", "phase", "revision", name=op.f("uq_leaderboard_challenge_slug_phase_revision")
        ),
    )
    op.create_table(
        "phase_action",
        sa.Column("challenge_slug", sa.String(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["challenge_slug"], ["challenge.slug"], name=op.f("fk_phase_action_challenge_slug_challenge")
        ),
        sa.PrimaryKeyConstraint("challenge_slug", "phase", "action", name=op.f("pk_phase_action")),
    )
    op.create_table(
        "study_case",
        sa.Column("case_set_digest", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("patient_key", sa.String(), nullable=False),
        sa.Column("study_sha256", sa.String(), nullable=False),
        sa.Column("study_size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sex", sa.String(), nullable=True),
        sa.Column("age_years", sa.Integer(), nullable=True),
        sa.Column("site", sa.String(), nullable=True),
        sa.Column("manufacturer", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["case_set_digest"], ["case_set.digest"], name=op.f("fk_study_case_case_set_digest_case_set")
        ),
        sa.PrimaryKeyConstraint("case_set_digest", "name", name=op.f("pk_study_case")),
    )
    op.create_table(
        "submission",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("algorithm_code", sa.String(), nullable=False),
        sa.Column("challenge_slug", sa.String(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("challenge_version", sa.String(), nullable=False),
        sa.Column("image_id", sa.String(), nullable=False),
        sa.Column("image_sha256", sa.String(), nullable=False),
        sa.Column("image_size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("chosen_for_final", sa.Boolean(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["algorithm_code"], ["algorithm.code"], name=op.f("fk_submission_algorithm_code_algorithm")
        ),
        sa.ForeignKeyConstraint(
            ["challenge_slug"], ["challenge.slug"], name=op.f("fk_submission_challenge_slug_challenge")
        ),
        sa.ForeignKeyConstraint(
            ["challenge_version"],
            ["challenge_version.digest"],
            name=op.f("fk_submission_challenge_version_challenge_version"),
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_submission")),
    )
    op.create_index(
        "ix_submission_quota", "submission", ["challenge_slug", "phase", "algorithm_code", "submitted_at"], unique=False
    )

    op.create_table(
        "evaluation",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("submission_code", sa.String(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("case_set_digest", sa.String(), nullable=False),
        sa.Column("challenge_version", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("held_reason", sa.String(), nullable=True),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cases_sha256", sa.String(), nullable=True),
        sa.Column("predictions_sha256", sa.String(), nullable=True),
        sa.Column("policy_digest", sa.String(), nullable=True),
        sa.Column("outcome_counts", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["case_set_digest"], ["case_set.digest"], name=op.f("fk_evaluation_case_set_digest_case_set")
        ),
        sa.ForeignKeyConstraint(
            ["challenge_version"],
            ["challenge_version.digest"],
            name=op.f("fk_evaluation_challenge_version_challenge_version"),
        ),
        sa.ForeignKeyConstraint(
            ["submission_code"], ["submission.code"], name=op.f("fk_evaluation_submission_code_submission")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_evaluation")),
        sa.UniqueConstraint("submission_code", "phase", name=op.f("uq_evaluation_submission_code_phase")),
    )
    op.create_index("ix_evaluation_state", "evaluation", ["state"], unique=False)

    op.create_table(
        "scorecard",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("evaluation_code", sa.String(), nullable=False),
        sa.Column("judging_digest", sa.String(), nullable=False),
        sa.Column("references_digest", sa.String(), nullable=False),
        sa.Column("scorer_version", sa.String(), nullable=False),
        sa.Column("document_sha256", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["evaluation_code"], ["evaluation.code"], name=op.f("fk_scorecard_evaluation_code_evaluation")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_scorecard")),
        sa.UniqueConstraint(
            "evaluation_code", "judging_digest", "references_digest", "scorer_version", name="uq_scorecard_judgement"
        ),
    )
    op.create_table(
        "shard",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("evaluation_code", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("case_names", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("host_faults", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["evaluation_code"], ["evaluation.code"], name=op.f("fk_shard_evaluation_code_evaluation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shard")),
        sa.UniqueConstraint("evaluation_code", "number", name=op.f("uq_shard_evaluation_code_number")),
    )
    op.create_index("ix_shard_state", "shard", ["state"], unique=False)

    op.create_table(
        "attempt",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("shard_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["shard_id"], ["shard.id"], name=op.f("fk_attempt_shard_id_shard")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
    )
    op.create_index("ix_attempt_state", "attempt", ["state"], unique=False)

    op.create_table(
        "leaderboard_entry",
        sa.Column("leaderboard_code", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("submission_code", sa.String(), nullable=False),
        sa.Column("scorecard_code", sa.String(), nullable=True),
        sa.Column("rank", sa.Integer(), nullable=True),
        sa.Column("rank_low", sa.Integer(), nullable=True),
        sa.Column("rank_high", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["leaderboard_code"], ["leaderboard.code"], name=op.f("fk_leaderboard_entry_leaderboard_code_leaderboard")
        ),
        sa.ForeignKeyConstraint(
            ["scorecard_code"], ["scorecard.code"], name=op.f("fk_leaderboard_entry_scorecard_code_scorecard")
        ),
        sa.ForeignKeyConstraint(
            ["submission_code"], ["submission.code"], name=op.f("fk_leaderboard_entry_submission_code_submission")
        ),
        sa.PrimaryKeyConstraint("leaderboard_code", "position", name=op.f("pk_leaderboard_entry")),
    )
    op.create_table(
        "score",
        sa.Column("scorecard_code", sa.String(), nullable=False),
        sa.Column("finding", sa.String(), nullable=False),
        sa.Column("subgroup", sa.String(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("low", sa.Float(), nullable=True),
        sa.Column("high", sa.Float(), nullable=True),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("n_positive", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["scorecard_code"], ["scorecard.code"], name=op.f("fk_score_scorecard_code_scorecard")),
        sa.PrimaryKeyConstraint("scorecard_code", "finding", "subgroup", "metric", name=op.f("pk_score")),
    )
    op.create_table(
        "shard_result",
        sa.Column("shard_id", sa.String(), nullable=False),
        sa.Column("attempt_id", sa.String(), nullable=False),
        sa.Column("output_sha256", sa.String(), nullable=False),
        sa.Column("output_size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.Column("policy_digest", sa.String(), nullable=False),
        sa.Column("startup_seconds", sa.Float(), nullable=True),
        sa.Column("run_seconds", sa.Float(), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name=op.f("fk_shard_result_attempt_id_attempt")),
        sa.ForeignKeyConstraint(["shard_id"], ["shard.id"], name=op.f("fk_shard_result_shard_id_shard")),
        sa.PrimaryKeyConstraint("shard_id", name=op.f("pk_shard_result")),
    )
