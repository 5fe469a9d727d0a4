"""The API's own process is set up for many short-lived objects; whoever only builds an API keeps his process as it is."""

import gc
import os
import subprocess
import sys
from pathlib import Path

from scheduler.api import create_app
from tests.scheduler.made import settings_in

_BUILT = "import gc; from scheduler.api import create_app; api = create_app(); print(gc.get_threshold()[0] > 10_000, gc.get_freeze_count() > 10_000)"


def test_the_apis_own_process_seldom_looks_for_rubbish_and_never_among_what_it_started_with(tmp_path: Path) -> None:
    own = {"REPLICAS_HOME": str(tmp_path), "TAVUS_API_KEY": "nobody asks"}
    said = subprocess.run([sys.executable, "-c", _BUILT], env=os.environ | own, check=True, stdout=subprocess.PIPE, text=True)
    assert said.stdout.split() == ["True", "True"]


def test_an_api_that_is_given_its_settings_leaves_the_process_as_it_is(tmp_path: Path) -> None:
    before = gc.get_threshold(), gc.get_freeze_count()
    app = create_app(settings_in(tmp_path))
    app.state.entrance.singles.close()
    app.state.parts.close()
    assert (gc.get_threshold(), gc.get_freeze_count()) == before
