"""What a runner promises of mode serve, shown on Docker and both runtimes by containers that try it."""

from collections.abc import Iterator, Mapping

import pytest

from runners.behaviours import SERVE_BEHAVIOURS
from runners.conformance import Behaviour, check_all
from runners.engine import Engine
from tests.hostile.surroundings import Bench, anonymous_volumes

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module", params=["runc", "runsc"])
def complaints(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, list[str]]]:
    """Run all behaviours in all slots at once; nothing may be left of them."""
    bench = Bench(tmp_path_factory.mktemp("conformance"), Engine(), "test-conformance", request.param)
    volumes_before = anonymous_volumes()
    runner = bench.runner()
    runner.reap()
    found = check_all(bench.around(runner), SERVE_BEHAVIOURS)
    runner.close()
    assert bench.left_behind() == []
    assert anonymous_volumes() <= volumes_before
    yield found
    bench.engine.close()


@pytest.mark.parametrize("behaviour", SERVE_BEHAVIOURS, ids=lambda each: each.probe)
def test_the_local_runner_keeps_the_promise(behaviour: Behaviour, complaints: Mapping[str, list[str]]) -> None:
    assert complaints[behaviour.probe] == [], behaviour.claim
