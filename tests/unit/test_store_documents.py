"""The published schemas describe the documents: what is stored validates, what is not such a document does not."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from jsonschema import Draft202012Validator

from arena.evaluation.producer import ROOTS, installed, producer
from arena.store.documents import SCHEMAS, Disclosure, Entry, Estimate, Latency, LeaderboardDocument
from runners.values import Outcome
from tests.seeding import NOW

DOCS = Path(__file__).parents[2] / "docs" / "schemas"


def published(name: str) -> Draft202012Validator:
    schema = json.loads((DOCS / f"{name}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def leaderboard() -> LeaderboardDocument:
    entry = Entry(
        submission="s-1",
        vendor="acme",
        vendor_name="Acme",
        algorithm="acme.one",
        algorithm_name="One",
        image_id="sha256:0",
        rank=1,
        rank_low=1,
        rank_high=1,
        tied_with_first=True,
        macro=Estimate(value=0.9, low=0.8, high=0.95, n=10, method="auc_logit_t"),
        latency=Latency(median_seconds=None, p95_seconds=None, n=0),
        outcomes={Outcome.OK: 10},
        submitted_at=NOW,
        evaluated_at=NOW,
    )
    return LeaderboardDocument(
        challenge="small",
        phase="season",
        revision=1,
        as_of=NOW,
        disclosure=Disclosure.OPEN,
        case_set="public",
        case_set_digest="0",
        judging_digest="0",
        challenge_version="0",
        scorer_version="1",
        n_cases=10,
        n_patients=10,
        missing="worst",
        alpha=0.05,
        entries=(entry,),
        produced_by=producer(),
    )


def test_a_stored_leaderboard_has_the_published_form() -> None:
    published("leaderboard").validate(json.loads(leaderboard().model_dump_json()))


@pytest.mark.parametrize("change", [{"disclosure": "all"}, {"entries": [{}]}, {"surplus": 1}, {"alpha": "0.05"}])
def test_another_form_is_refused_by_the_published_schema(change: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        published("leaderboard").validate(json.loads(leaderboard().model_dump_json()) | change)


def test_each_stored_document_has_a_schema_that_allows_nothing_else() -> None:
    assert sorted(path.stem for path in DOCS.glob("*.json")) == sorted(SCHEMAS)
    for name in SCHEMAS:
        schema = published(name).schema
        assert schema["additionalProperties"] is False
        assert "produced_by" in schema["properties"]


def test_the_producer_names_what_numbers_pass_through() -> None:
    here = producer()
    assert {line.partition("==")[0] for line in installed(ROOTS)} >= {*ROOTS, "pydantic-core", "joblib"}
    assert f"numpy=={here.numpy}" in installed(ROOTS)
    assert len(here.packages_sha256) == 64
