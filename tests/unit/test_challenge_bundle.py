"""challenge.yaml is read strictly: each error names file, key, value and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from arena.challenge.bundle import canonical_digest, read_bundle
from arena.challenge.schema import Declaration
from arena.errors import InvalidBundle
from tests.bundles import CHALLENGE, bundle_with, write_bundle

THRESHOLD = "threshold: 0.5"
MODALITY = "modality: DX"


@pytest.mark.parametrize(
    ("old", "new", "key", "value", "allowed"),
    [
        ("slug: chest", "slug: Chest", "slug", "Chest", "text that matches"),
        ("slug: chest", "slug: chest\nslug: other", "slug", "other", "one value"),
        ("organiser: The", "organizer: The", "organizer", "The test", "organiser"),
        ("source: Generated", "limits: {cases: 4}", "limits.cases", "4", "cases_per_shard, startup_seconds"),
        ("source: Generated", "limits: {memory_mib: 4.5}", "limits.memory_mib", "4.5", "a whole number"),
        ("source: Generated", "limits: {answer_kib: 512, cases_per_shard: 129}", "limits.cases_per_shard", "129",
         "at most 128 with answer_kib: 512"),
        ("source: Generated", "missing: zero", "missing", "zero", "'worst', 'half', 'exclude_case' or 'fail_entry'"),
        (THRESHOLD, "threshold: 1.5", "findings[0].threshold", "1.5", "≤ 1"),
        (THRESHOLD, "threshold: 0.33333", "findings[0].threshold", "0.33333", "a multiple of 0.0001"),
        (THRESHOLD, "threshold: .nan", "findings[0].threshold", ".nan", "a finite number"),
        (THRESHOLD, "threshold: '0.5'", "findings[0].threshold", "0.5", "a number"),
        (THRESHOLD, "threshold: true", "findings[0].threshold", "true", "a number"),
        ("per_day: 2", "per_day: true", "phases[0].quota.per_day", "true", "a whole number"),
        ("per_day: 2", "per_day: 0", "phases[0].quota.per_day", "0", "≥ 1"),
        ("2026-03-20T09:00:00Z", "tomorrow", "phases[0].closes_at", "tomorrow", "a time such as"),
        ("2026-03-20T09:00:00Z", "2026-02-30", "phases[0].closes_at", "2026-02-30", "a value that exists"),
        ("2026-03-20T09:00:00Z", "2026-02-20", "phases[0].closes_at", "2026-02-20", "later than opens_at"),
        ("    closes_at: 2026-03-20T09:00:00Z\n", "", "phases[0].closes_at", "none", "a time"),
        ("follows: public", "follows: public\n    opens_at: 2026-05-01", "phases[1].opens_at", "2026-05-01", "no such key"),
        ("cases: public", "cases: pubic", "phases[0].cases", "pubic", "public, final"),
        ("follows: public", "follows: final", "phases[1].follows", "final", "public"),
        ("split: final", "split: last", "case_sets[1].split", "last", "'sample', 'public' or 'final'"),
        ("{name: final, split", "{name: public, split", "case_sets[1]", "public", "names that differ"),
        (MODALITY, "modality: yes", "modality", "true", "text"),
        (MODALITY, "1: x", "(top)", "1", "a name"),
        (MODALITY, "modality: [a", "(top)", "expected", "YAML"),
        (MODALITY, "modality: &a DX\nsummary: *a", "(top)", "alias", "without aliases"),
        (MODALITY, "modality: !!python/name:os.system x", "(top)", "tag", "without aliases and tags"),
        (MODALITY, f"modality: {'[' * 5000}", "(top)", "…", "the keys"),
        (MODALITY, "modality: \x07", "(top)", "character", "printable text"),
        (MODALITY, "contract: 2", "contract", "2", "1"),
        (CHALLENGE, "", "(top)", "", "a mapping"),
        (CHALLENGE, "- a", "(top)", '["a"]', "a mapping with the keys contract, slug"),
    ],
)  # fmt: skip
def test_an_error_names_file_key_value_and_what_is_allowed(
    tmp_path: Path, old: str, new: str, key: str, value: str, allowed: str
) -> None:
    with pytest.raises(InvalidBundle) as caught:
        bundle_with(tmp_path, (old, new))
    facts = caught.value.facts
    assert str(facts["file"]).endswith("challenge.yaml")
    assert facts["key"] == key
    assert value in str(facts["value"])
    assert allowed in str(facts["allowed"])


def test_a_misspelt_key_is_told_its_likely_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidBundle, match=r"did you mean organiser\?; 1 more to mend, at organiser"):
        bundle_with(tmp_path, ("organiser: The", "organizer: The"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidBundle, match=r"challenge.yaml: \(top\): the file is missing"):
        read_bundle(tmp_path)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    write_bundle(tmp_path, CHALLENGE + "#" * 300_000)
    with pytest.raises(InvalidBundle, match="too large"):
        read_bundle(tmp_path)


@pytest.mark.parametrize("name", ["challenge.yaml", "rules.ru.md"])
def test_text_that_is_not_utf_8_is_refused(tmp_path: Path, name: str) -> None:
    write_bundle(tmp_path)
    (tmp_path / name).write_bytes("Правила".encode("cp1251"))
    with pytest.raises(InvalidBundle, match="UTF-8"):
        read_bundle(tmp_path)


def test_rules_are_read_by_language(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path)
    assert read_bundle(folder).rules == {"en": "# Rules\n", "ru": "# Правила\n"}
    (folder / "rules.en.md").rename(folder / "rules.md")
    (folder / "rules.ru.md").unlink()
    assert read_bundle(folder).rules == {"en": "# Rules\n"}


def test_layout_and_comments_do_not_change_the_digest(tmp_path: Path) -> None:
    one = read_bundle(write_bundle(tmp_path / "one"))
    other = bundle_with(
        tmp_path / "other",
        ("slug: chest\n", ""),
        ("modality: DX", "modality:   'DX'  # X-ray\nslug: chest"),
        ("2026-03-01T09:00:00Z", "2026-03-01T12:00:00+03:00"),
    )
    assert one == other


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("threshold: 0.5", "threshold: 0.4"),
        ("code: nodule", "code: effusion"),
        ("source: Generated", "missing: half"),
        ("source: Generated", "limits: {case_seconds: 5}"),
        ("source: Generated", "limits: {cases_per_shard: 5}"),
        ("source: Generated", "min_per_class: 20"),
        ("source: Generated", "ranking: {alpha: 0.01}"),
        ("source: Generated", "headers: [KVP]"),
    ],
)
def test_what_decides_scores_changes_both_digests(tmp_path: Path, old: str, new: str) -> None:
    before, after = bundle_with(tmp_path / "before"), bundle_with(tmp_path / "after", (old, new))
    assert before.digest != after.digest
    assert before.judging_digest != after.judging_digest


@pytest.mark.parametrize(
    ("old", "new"),
    [("2026-03-20", "2026-03-21"), ("total: 3", "total: 4"), ("en: Nodule,", "en: Lung nodule,"), ("The test", "Us")],
)
def test_what_decides_no_score_leaves_the_judging_digest(tmp_path: Path, old: str, new: str) -> None:
    before, after = bundle_with(tmp_path / "before"), bundle_with(tmp_path / "after", (old, new))
    assert before.digest != after.digest
    assert before.judging_digest == after.judging_digest


def test_the_rules_text_changes_the_digest(tmp_path: Path) -> None:
    before = read_bundle(write_bundle(tmp_path))
    (tmp_path / "rules.en.md").write_text("# Other rules\n", encoding="utf-8")
    assert read_bundle(tmp_path).digest != before.digest


def test_a_stored_declaration_is_read_back_equal(tmp_path: Path) -> None:
    declaration = bundle_with(tmp_path).declaration
    assert Declaration.model_validate(declaration.model_dump(mode="json")) == declaration


def test_the_canonical_digest_is_that_of_sorted_compact_json() -> None:
    # printf '{"a":[1.5,"я"],"b":null}' | sha256sum
    expected = "2fe2bde83801ff2f4e0f3d99c0ac4f90ce7f78c07ace3bb8633f724c0cc38fa9"
    assert canonical_digest({"b": None, "a": [1.5, "я"]}) == expected
