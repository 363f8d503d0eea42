"""What a runner promises of modes batch and case, and of /output, shown on Docker and both runtimes by containers."""

from collections.abc import Iterator, Mapping

import pytest

from runners.conformance import Behaviour, check_all
from runners.engine import Engine
from runners.file_behaviours import FILE_BEHAVIOURS
from runners.images.file_probes import FILE_PROBES
from tests.hostile.surroundings import Bench, anonymous_volumes

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module", params=["runc", "runsc"])
def complaints(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, list[str]]]:
    """Run all behaviours in all slots at once; nothing may be left of them."""
    bench = Bench(tmp_path_factory.mktemp("conformance"), Engine(), "test-conformance-files", request.param)
    volumes_before = anonymous_volumes()
    runner = bench.runner()
    runner.reap()
    found = check_all(bench.around(runner), FILE_BEHAVIOURS)
    runner.close()
    assert bench.left_behind() == []
    assert anonymous_volumes() <= volumes_before
    yield found
    bench.engine.close()


@pytest.mark.parametrize("behaviour", FILE_BEHAVIOURS, ids=lambda each: each.probe)
def test_the_local_runner_keeps_the_promise(behaviour: Behaviour, complaints: Mapping[str, list[str]]) -> None:
    assert complaints[behaviour.probe] == [], behaviour.claim


def test_every_probe_has_one_claim() -> None:
    assert sorted(each.probe for each in FILE_BEHAVIOURS) == sorted(FILE_PROBES)
