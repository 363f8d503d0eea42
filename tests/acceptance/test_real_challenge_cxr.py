"""The challenge on real radiographs: sorted, imported, learnt and answered through the container's own program."""

from __future__ import annotations

import ast
import csv
import hashlib
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from arena.blobs import BlobStore
from arena.challenge.bundle import read_bundle
from arena.errors import ReferenceMismatch
from arena.scoring.evaluate import score_evaluation
from arena.scoring.inputs import ScoringInputs
from arena.scoring.levels import patient_codes, quantise
from arena.store.case_sets import cases_of_set
from arena.store.session import Store
from arena.store.tables import CaseSet
from arena.vault.audit import Severity, audit_case_set
from arena.vault.importing import import_case_set
from arena.vault.references import read_references
from runners.values import Outcome
from tests.radiographs import NOW, encode, radiograph

CHALLENGE = Path(__file__).parents[2] / "challenges" / "cxr-pneumonia"
BASELINE = CHALLENGE / "baselines" / "hog"


def load(path: Path) -> ModuleType:
    """Import a script of the challenge under a name of its own."""
    name = f"cxr_pneumonia_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def run(*command: str | Path) -> str:
    """Run a script as an organiser or a vendor would, and return what it prints."""
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def small_collection(folder: Path) -> Path:
    """Write a collection in the form of the published one: 8 test pictures, 12 training groups of one or two pictures."""
    rows = [("test", f"images/test/t{number}.jpeg", number % 2, f"test_person{number}") for number in range(8)]
    for number in range(12):
        for picture in range(1 + number % 2):
            name = f"images/train/r{number}-{picture}.jpeg"
            rows.append(("train", name, number % 2, f"train_person{number + 6}"))
    with_digests = []
    for seed, (split, name, label, group) in enumerate(rows):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 255, (40, 40), dtype=np.uint8)
        Image.fromarray(pixels).convert("RGB").save(path)
        with_digests.append((split, name, label, "x", group, hashlib.sha256(path.read_bytes()).hexdigest()))
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("split", "file", "label", "subtype", "name_group", "sha256"), *with_digests])
    return folder


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def answers(container: Path, store: BlobStore, studies: list[tuple[str, str]], work: Path) -> dict[str, float]:
    """Speak the contract with the container's program: one request and one answer per case, one case visible at a time."""
    with subprocess.Popen(
        [sys.executable, "main.py"], cwd=container, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"ready": True}
        found = {}
        for case, sha256 in studies:
            folder = work / case
            with tarfile.open(fileobj=io.BytesIO(store.get(sha256))) as archive:
                archive.extractall(folder)  # noqa: S202 - the import wrote it
            process.stdin.write(json.dumps({"case": case, "path": str(folder)}) + "\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            assert answer["case"] == case
            assert list(answer["findings"]) == ["pneumonia"]
            found[case] = answer["findings"]["pneumonia"]
            shutil.rmtree(folder)
        process.stdin.close()
        assert process.wait(timeout=30) == 0
    return found


def test_the_challenge_is_valid_and_its_final_follows_its_season() -> None:
    declaration = read_bundle(CHALLENGE).declaration
    assert [finding.code for finding in declaration.findings] == ["pneumonia"]
    assert [(p.name, p.cases, p.follows) for p in declaration.phases] == [
        ("season", "public", None),
        ("season-final", "final", "season"),
    ]


def test_preparing_keeps_the_test_split_whole_and_children_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = load(CHALLENGE / "prepare.py")
    monkeypatch.setattr(prepare, "PUBLIC_SIZE", 6)
    pictures = prepare.read_metadata(small_collection(tmp_path))
    sets = prepare.divide(pictures)
    assert {p.file for p in sets["final"]} == {p.file for p in pictures if p.split == "test"}
    groups = {name: {p.group for p in part} for name, part in sets.items()}
    assert groups["public"].isdisjoint(groups["training"])
    numbers = {p.number for p in sets["final"]}
    assert not numbers & {p.number for p in (*sets["public"], *sets["training"])}
    assert len(sets["public"]) in {6, 7}
    left_out = [p for p in pictures if p.split == "train" and p.number in numbers]
    assert len(left_out) + sum(len(part) for part in sets.values()) == len(pictures)
    assert left_out


def test_prepared_names_say_nothing_and_the_order_does_not_follow_the_label(tmp_path: Path) -> None:
    data = small_collection(tmp_path / "data")
    run(CHALLENGE / "prepare.py", "--data", data, "--out", tmp_path / "out")
    rows = rows_of(tmp_path / "out" / "final.csv")
    assert [row["study"] for row in rows] == [f"x{n:04d}.jpeg" for n in range(1, 9)]
    digests = [hashlib.sha256((tmp_path / "out" / "final" / row["study"]).read_bytes()).hexdigest() for row in rows]
    assert digests == sorted(digests)


def test_preparing_stops_at_a_picture_that_is_not_the_described_one(tmp_path: Path) -> None:
    data = small_collection(tmp_path / "data")
    (data / "images" / "test" / "t0.jpeg").write_bytes(b"another")
    prepare = load(CHALLENGE / "prepare.py")
    with pytest.raises(ValueError, match=r"t0\.jpeg is not the file"):
        prepare.write(data, tmp_path / "out", prepare.divide(prepare.read_metadata(data)))


def test_the_baseline_answers_by_the_contract_and_is_trained_on_the_training_part_alone(tmp_path: Path) -> None:
    data = small_collection(tmp_path / "data")
    prepare = load(CHALLENGE / "prepare.py")
    sets = prepare.divide(prepare.read_metadata(data))
    prepare.write(data, tmp_path / "out", {"training": sets["public"] + sets["training"]})
    container = tmp_path / "container"
    shutil.copytree(BASELINE, container)
    run(container / "train.py", "--data", tmp_path / "out")
    store = BlobStore(tmp_path / "studies")
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for index, photometric in enumerate(("MONOCHROME1", "MONOCHROME2")):
            content = encode(radiograph(index, PhotometricInterpretation=photometric))
            info = tarfile.TarInfo(f"s1/i{index}.dcm")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    sha256 = store.put(stream.getvalue()).sha256
    found = answers(container, store, [("c0001", sha256), ("c0002", sha256)], tmp_path / "input")
    assert list(found) == ["c0001", "c0002"]
    assert 0 < found["c0001"] == found["c0002"] < 1


def test_the_container_needs_numpy_and_pydicom_only() -> None:
    modules = set()
    for name in ("main.py", "features.py"):
        for node in ast.walk(ast.parse((BASELINE / name).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                modules.add((node.module or "").split(".")[0])
    assert modules - set(sys.stdlib_module_names) == {"numpy", "pydicom", "features", "arena_algorithm"}


def test_features_do_not_change_with_the_scale_of_grey_values() -> None:
    features = load(BASELINE / "features.py").features
    image = np.random.default_rng(1).random((150, 131))
    assert np.allclose(features(image), features(3000 * image - 1024), atol=1e-5)
    assert not np.allclose(features(image), features(1 - image), atol=1e-2)
    assert np.isfinite(features(np.zeros((5, 7)))).all()


def test_resizing_keeps_the_mean_and_a_constant() -> None:
    resize = load(BASELINE / "features.py").resize
    image = np.random.default_rng(2).random((333, 97))
    assert np.isclose(resize(image).mean(), image.mean())
    assert np.allclose(resize(np.full((10, 300), 7.0)), 7.0)


@pytest.fixture(scope="module")
def real_sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sort the published pictures."""
    out = tmp_path_factory.mktemp("real") / "sets"
    data = Path(os.environ["ARENA_REAL_DATA"]) / "kermany_pediatric_cxr"
    run(CHALLENGE / "prepare.py", "--data", data, "--out", out)
    return out


def import_real(root: Path, store: Store, sets: Path, name: str, *, labels: Path | None = None) -> CaseSet:
    return import_case_set(
        store=store,
        studies=BlobStore(root / "studies"),
        references=BlobStore(root / "references", mode=0o700),
        declaration=read_bundle(CHALLENGE).declaration,
        set_name=name,
        folder=sets / name,
        labels=labels or sets / f"{name}.csv",
        now=NOW,
    )


@pytest.mark.real_data
def test_real_sets_have_the_documented_sizes(real_sets: Path) -> None:
    sizes = {}
    for name in ("final", "public", "training"):
        rows = rows_of(real_sets / f"{name}.csv")
        positive = sum(row["pneumonia"] == "1" for row in rows)
        sizes[name] = (len(rows), positive, len({row["patient"] for row in rows}))
    assert sizes == {"final": (618, 387, 426), "public": (200, 143, 157), "training": (1165, 830, 914)}
    design = (CHALLENGE / "design.md").read_text(encoding="utf-8").replace(",", "")
    for name, numbers in sizes.items():
        assert f"| {name} | " in design
        assert " | ".join(str(number) for number in numbers) in design


@pytest.mark.real_data
def test_the_baseline_reaches_an_auc_of_0_90_on_the_official_test_studies(
    real_sets: Path, tmp_path: Path, sqlite_store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    import_real(tmp_path, sqlite_store, real_sets, "public")
    case_set = import_real(tmp_path, sqlite_store, real_sets, "final")
    with sqlite_store.read() as session:
        cases = cases_of_set(session, case_set.digest)
    container = tmp_path / "container"
    shutil.copytree(BASELINE, container)
    run(container / "train.py", "--data", real_sets)
    found = answers(
        container, BlobStore(tmp_path / "studies"), [(c.name, c.study_sha256) for c in cases], tmp_path / "input"
    )
    content = BlobStore(tmp_path / "references").get(case_set.references_digest)
    references = read_references(content, ("pneumonia",))
    assert references.cases == tuple(found)
    levels = np.array([[quantise(found[case])] for case in references.cases], dtype=np.int32)
    scores = score_evaluation(
        ScoringInputs(
            findings=("pneumonia",),
            thresholds=(5000,),
            levels=levels,
            labels=references.labels,
            patients=patient_codes(references.patients),
            outcomes=(Outcome.OK,) * len(cases),
            latency_seconds=(None,) * len(cases),
        )
    )
    auc = scores.macro
    with capsys.disabled():
        print(f"\ncxr-pneumonia, final set: AUC {auc.value:.4f} (95 % {auc.low:.4f} to {auc.high:.4f}), n {auc.n}")  # noqa: T201
    assert auc.value is not None
    assert auc.value >= 0.90


@pytest.mark.real_data
def test_imported_real_studies_pass_the_audit(real_sets: Path, tmp_path: Path, sqlite_store: Store) -> None:
    case_set = import_real(tmp_path, sqlite_store, real_sets, "public")
    with sqlite_store.read() as session:
        cases = cases_of_set(session, case_set.digest)
    found = audit_case_set(case_set, cases, studies=BlobStore(tmp_path / "studies"))
    assert [finding for finding in found if finding.severity is not Severity.NOTE] == []


@pytest.mark.real_data
def test_the_final_set_cannot_share_a_child_or_a_picture_with_the_public_set(
    real_sets: Path, tmp_path: Path, sqlite_store: Store
) -> None:
    import_real(tmp_path, sqlite_store, real_sets, "public")
    mixed = tmp_path / "mixed"
    shutil.copytree(real_sets / "final", mixed / "final")
    shutil.copy(real_sets / "public" / "x0001.jpeg", mixed / "final" / "leak.jpeg")
    text = (real_sets / "final.csv").read_text(encoding="utf-8")
    (mixed / "final.csv").write_text(text + "leak.jpeg,a-new-name,1\n", encoding="utf-8")
    with pytest.raises(ReferenceMismatch, match=r"1 studies have an image that is also in case set .*leak\.jpeg"):
        import_real(tmp_path, sqlite_store, mixed, "final")
