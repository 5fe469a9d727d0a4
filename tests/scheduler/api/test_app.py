"""What our own processes have loaded is in no look for rubbish; whoever only builds an API keeps his process as it is."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler.api import create_app
from tests.scheduler.made import settings_in

_BUILT = "import gc; from scheduler.api import create_app; api = create_app(); print(gc.get_threshold()[0] > 10_000, gc.get_freeze_count() > 10_000)"


def test_the_apis_own_process_seldom_looks_for_rubbish_and_never_among_what_it_started_with(tmp_path: Path) -> None:
    own = {"REPLICAS_HOME": str(tmp_path), "TAVUS_API_KEY": "nobody asks"}
    said = subprocess.run([sys.executable, "-c", _BUILT], env=os.environ | own, check=True, stdout=subprocess.PIPE, text=True)
    assert said.stdout.split() == ["True", "True"]


def test_what_is_loaded_for_the_api_leaves_the_looks_for_rubbish_as_they_were(tmp_path: Path) -> None:
    as_it_is = "(gc.isenabled(), gc.get_threshold(), gc.get_freeze_count())"
    told = f"import gc; gc.disable(); before = {as_it_is}; import scheduler.api; print(before == {as_it_is})"
    assert subprocess.run([sys.executable, "-c", told], cwd=tmp_path, check=True, stdout=subprocess.PIPE).stdout == b"True\n"


@pytest.mark.parametrize("name", ["celery", "cli"])
def test_what_processes_of_our_own_have_loaded_is_in_no_look_for_rubbish_and_there_are_few(tmp_path: Path, name: str) -> None:
    own = {"REPLICAS_HOME": str(tmp_path), "TAVUS_API_KEY": "nobody asks"}
    told = f"import gc, scheduler.{name}; print(gc.isenabled(), gc.get_freeze_count() > 10_000, gc.get_threshold()[0] > 1_000)"
    said = subprocess.run([sys.executable, "-c", told], env=os.environ | own, check=True, stdout=subprocess.PIPE, text=True)
    assert said.stdout.split() == ["True", "True", "True"]


def test_an_api_that_is_given_its_settings_leaves_the_process_as_it_is(tmp_path: Path) -> None:
    threshold, frozen = gc.get_threshold(), gc.get_freeze_count()
    app = create_app(settings_in(tmp_path))
    app.state.entrance.singles.close()
    app.state.parts.close()
    assert gc.get_threshold() == threshold
    assert gc.get_freeze_count() <= frozen  # of what the command line has left out of all looks here, something may be gone meanwhile
