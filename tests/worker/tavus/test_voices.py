"""The stock voices are read whole or not at all."""

import pytest

from tests.sandbox.server import Sandbox
from tests.sandbox.stock import VOICES
from tests.worker.tavus.made import ACCOUNT, PATIENCE, calling
from tests.worker.tavus.scripted import Said, Scripted
from worker.tavus.client import Tavus
from worker.tavus.voices import read_voices


def test_every_stock_voice_is_read(tavus: Tavus) -> None:
    assert sorted(read_voices(tavus, ACCOUNT, PATIENCE) or ()) == sorted(VOICES)


@pytest.mark.parametrize("harm", ["cut", "500", "429", "garbage", "no_id"])
def test_voices_that_were_not_read_are_not_none_at_all(sandbox: Sandbox, tavus: Tavus, harm: str) -> None:
    sandbox.set_faults({"on": "list_voices", "kind": harm})
    assert read_voices(tavus, ACCOUNT, PATIENCE) is None


@pytest.mark.parametrize("row", [{}, {"voice_name": None}, {"voice_name": ""}, {"voice_name": 7}])
def test_a_list_with_a_voice_that_cannot_be_read_is_not_read(row: dict[str, object]) -> None:
    page = {"data": [{"voice_name": "anna"}, row], "total_count": 2}
    with Scripted(Said(200, page)) as server, calling(server.url) as tavus:
        assert read_voices(tavus, ACCOUNT, PATIENCE) is None
