"""How a challenge declares modes, files beside answers and the layout of another host."""

import json
from pathlib import Path
from typing import Any

import pytest

from arena.challenge.bundle import judging_digest
from arena.challenge.schema import Declaration
from arena.errors import InvalidBundle
from runners.values import GrandChallengeLayout, OutputFile
from tests.bundles import CHALLENGE, bundle_with

SOCKETS = "layout: grand-challenge\nsockets: {image: chest-xray, findings: {nodule: nodule-probability.json}}\n"


def with_keys(folder: Path, text: str) -> Declaration:
    return bundle_with(folder, ("source: Generated\n", f"source: Generated\n{text}")).declaration


def test_all_three_modes_may_be_declared_and_serve_is_the_default(tmp_path: Path) -> None:
    assert with_keys(tmp_path / "a", "").modes == ("serve",)
    assert with_keys(tmp_path / "b", "modes: [serve, batch, case]\n").modes == ("serve", "batch", "case")


def test_files_and_sockets_become_plain_values(tmp_path: Path) -> None:
    declared = with_keys(tmp_path, f"modes: [case]\noutputs: [{{name: report.dcm, max_kib: 64}}]\n{SOCKETS}")
    assert [output.to_file() for output in declared.outputs] == [OutputFile("report.dcm", 64)]
    assert declared.sockets is not None
    assert declared.sockets.to_layout() == GrandChallengeLayout("chest-xray", (("nodule", "nodule-probability.json"),))
    assert Declaration.model_validate(json.loads(declared.model_dump_json())) == declared


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("modes: []\n", "modes"),
        ("modes: [swarm]\n", "modes"),
        ("modes: [serve, serve]\n", "stands twice"),
        ("outputs: [{name: ../report.dcm}]\n", "outputs"),
        ("outputs: [{name: sub/report.dcm}]\n", "outputs"),
        ("outputs: [{name: .hidden}]\n", "outputs"),
        ("outputs: [{name: a.dcm}, {name: a.dcm}]\n", "stands twice"),
        ("outputs: [{name: a.dcm, max_kib: 0}]\n", "max_kib"),
        ("outputs: [{name: a.dcm, kind: dicom}]\n", "dicom-sr"),
        (SOCKETS, "one container for each case"),
        ("modes: [case]\nlayout: grand-challenge\n", "needs its sockets"),
        ("modes: [case]\n" + SOCKETS.partition("\n")[2], "belong to layout"),
        ("modes: [case]\n" + SOCKETS.replace("nodule: nodule", "other: nodule"), "one file"),
        ("modes: [case]\n" + SOCKETS.replace("nodule-probability.json", "../x.json"), "sockets"),
        ("modes: [case]\n" + SOCKETS.replace("nodule-probability.json", "results.txt"), "sockets"),
        ("modes: [case]\n" + SOCKETS.replace("image: chest-xray", "image: Chest/xray"), "sockets"),
    ],
)
def test_what_cannot_be_run_is_refused_when_it_is_read(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InvalidBundle, match=words):
        with_keys(tmp_path, text)


def test_what_a_container_may_answer_is_part_of_the_judging_digest(tmp_path: Path) -> None:
    plain: dict[str, Any] = {}
    texts = ("", "outputs: [{name: report.dcm}]\n", f"modes: [case]\n{SOCKETS}")
    for number, text in enumerate(texts):
        plain[text] = judging_digest(with_keys(tmp_path / str(number), text))
    assert len(set(plain.values())) == len(texts)
    assert "source: Generated\n" in CHALLENGE
