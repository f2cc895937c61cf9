"""Tests of meticulous.reproduce.environment.recreate and .installing, with real uv and pip."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from waiting import wait_until
from wheelhouse import Wheelhouse, only_index

from meticulous.errors import EnvironmentUnavailableError
from meticulous.reproduce.environment.installing import (
    Installer,
    failing,
    find_installers,
    installable,
    reason_of,
)
from meticulous.reproduce.environment.interpreters import Found, find_interpreter
from meticulous.reproduce.environment.pins import NotInstalled, Pin, Pins
from meticulous.reproduce.environment.recreate import Recreated, recreate

INSTALLERS = {installer.name: installer for installer in find_installers()}
BEST = list(INSTALLERS.values())[:1]


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheelhouse:
    return only_index(tmp_path / "wheels", monkeypatch)


@pytest.fixture(params=["uv", "pip"])
def installers(request: pytest.FixtureRequest) -> list[Installer]:
    """Each installer on its own."""
    if request.param not in INSTALLERS:
        pytest.skip(f"{request.param} is not installed")
    return [INSTALLERS[request.param]]


def here() -> Found:
    return find_interpreter(None)


def pinned(*names: str) -> Pins:
    return Pins(tuple(Pin(name.partition("==")[0], name) for name in names))


def version_in(made: Recreated, module: str) -> str:
    """The version that the environment's own interpreter finds; "" when it has no such module."""
    code = f"import {module}; print({module}.VERSION)"
    done = subprocess.run(
        [made.python, "-I", "-c", code], check=False, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_the_recorded_versions_are_installed(wheels, tmp_path):
    for version in ("1.0", "2.0"):
        wheels.add("alpha", version)
    made = recreate(pinned("alpha==1.0"), here(), cache=str(tmp_path))
    assert version_in(made, "alpha") == "1.0"
    assert (made.not_installed, made.remarks, made.is_temporary) == ((), (), False)
    assert made.directory.startswith(str(tmp_path))


def test_nothing_is_installed_that_the_record_does_not_name(wheels, tmp_path):
    wheels.add("alpha", requires=("beta",))
    wheels.add("beta")
    made = recreate(pinned("alpha==1.0"), here(), cache=str(tmp_path))
    assert (version_in(made, "alpha"), version_in(made, "beta")) == ("1.0", "")


def test_a_set_that_contradicts_itself_is_installed_as_it_was(wheels, tmp_path):
    wheels.add("alpha", requires=("beta>=2",))
    wheels.add("beta", "1.0")
    pins = pinned("alpha==1.0", "beta==1.0")
    made = recreate(pins, here(), cache=str(tmp_path))
    assert (version_in(made, "beta"), made.not_installed) == ("1.0", ())


def test_what_cannot_be_installed_is_named_with_the_reason_and_the_rest_is_installed(
    wheels, tmp_path, installers
):
    for version in ("1.0", "2.0"):
        wheels.add("alpha", version)
    wheels.add_broken("broken")
    pins = pinned("gone==3.1", "alpha==1.0", "broken==1.0")
    made = recreate(pins, here(), cache=str(tmp_path), installers=installers)
    assert [entry.requirement for entry in made.not_installed] == ["gone==3.1", "broken==1.0"]
    assert "gone" in made.not_installed[0].reason
    assert all(entry.reason.strip() for entry in made.not_installed)
    assert "\n" not in "".join(entry.reason for entry in made.not_installed)
    assert version_in(made, "alpha") == "1.0"


def test_what_one_installer_cannot_install_the_next_one_does(wheels, tmp_path, monkeypatch):
    if len(INSTALLERS) < 2:
        pytest.skip("there is only one installer")
    wheels.add("alpha")
    # As with an index that only pip is configured for.
    monkeypatch.delenv("UV_FIND_LINKS")
    made = recreate(pinned("alpha==1.0"), here(), cache=str(tmp_path))
    assert (version_in(made, "alpha"), made.not_installed) == ("1.0", ())


def test_the_same_packages_are_found_ready_the_second_time(wheels, tmp_path):
    wheel = wheels.add("alpha")
    first = recreate(pinned("alpha==1.0"), here(), cache=str(tmp_path))
    wheel.unlink()
    second = recreate(pinned("alpha==1.0"), here(), cache=str(tmp_path), installers=())
    assert (first.was_cached, second.was_cached) == (False, True)
    assert second.python == first.python
    assert version_in(second, "alpha") == "1.0"


def test_other_packages_are_another_environment(wheels, tmp_path):
    wheels.add("alpha")
    wheels.add("beta")
    made = [
        recreate(pinned(*names), here(), cache=str(tmp_path)).directory
        for names in (["alpha==1.0"], ["alpha==1.0", "beta==1.0"], ["beta==1.0", "alpha==1.0"])
    ]
    assert made[0] != made[1] == made[2]


def test_what_was_lacking_is_tried_again(wheels, tmp_path):
    wheels.add("alpha")
    pins = pinned("alpha==1.0", "late==1.0")
    first = recreate(pins, here(), cache=str(tmp_path), installers=BEST)
    assert [entry.requirement for entry in first.not_installed] == ["late==1.0"]
    first.hold.release()
    wheels.add("late")
    second = recreate(pins, here(), cache=str(tmp_path), installers=BEST)
    assert (second.was_cached, second.not_installed) == (True, ())
    assert version_in(second, "late") == "1.0"
    assert recreate(pins, here(), cache=str(tmp_path), installers=()).not_installed == ()


def damage_marker(directory: Path) -> None:
    (directory / "complete.json").write_text('{"format": 1, "distri')


def damage_packages(directory: Path) -> None:
    shutil.rmtree(next(directory.glob("packages/lib/*/site-packages/alpha-*")))


def damage_interpreter(directory: Path) -> None:
    (directory / "packages/bin/python").unlink()
    (directory / "packages/bin/python").symlink_to("/nowhere/python")


def half_made(directory: Path) -> None:
    (directory / "complete.json").unlink()
    shutil.rmtree(directory / "packages/bin")


def a_file(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.write_text("")


@pytest.mark.parametrize(
    "damage", [damage_marker, damage_packages, damage_interpreter, half_made, a_file]
)
def test_an_environment_that_is_not_whole_is_made_again(wheels, tmp_path, damage):
    wheels.add("alpha")
    made = recreate(pinned("alpha==1.0"), here(), cache=str(tmp_path))
    made.hold.release()
    damage(Path(made.directory))
    again = recreate(pinned("alpha==1.0"), here(), cache=str(tmp_path))
    assert not again.was_cached
    assert version_in(again, "alpha") == "1.0"


def test_a_package_that_a_program_has_added_is_gone_the_next_time(wheels, tmp_path):
    wheels.add("alpha")
    made = recreate(pinned("alpha==1.0"), here(), cache=str(tmp_path))
    made.hold.release()
    site = next(Path(made.directory).glob("packages/lib/*/site-packages"))
    (site / "stray-1.0.dist-info").mkdir()
    again = recreate(pinned("alpha==1.0"), here(), cache=str(tmp_path))
    assert not again.was_cached
    assert not (site / "stray-1.0.dist-info").exists()


RECREATE = """
import sys
from meticulous.reproduce.environment.interpreters import find_interpreter
from meticulous.reproduce.environment.pins import Pin, Pins
from meticulous.reproduce.environment.recreate import recreate
made = recreate(Pins((Pin("alpha", "alpha==1.0"),)), find_interpreter(None), cache=sys.argv[1])
print(made.python, made.was_cached, len(made.not_installed))
"""


def test_an_environment_in_use_is_shared_and_left_as_it_is(wheels, tmp_path):
    wheels.add("alpha")
    pins = pinned("alpha==1.0", "late==1.0")
    users = [recreate(pins, here(), cache=str(tmp_path), installers=BEST) for _ in range(2)]
    wheels.add("late")
    third = recreate(pins, here(), cache=str(tmp_path), installers=BEST)
    assert {made.python for made in (*users, third)} == {users[0].python}
    assert [entry.requirement for entry in third.not_installed] == ["late==1.0"]
    for made in (*users, third):
        made.hold.release()
        made.hold.release()
    assert recreate(pins, here(), cache=str(tmp_path)).not_installed == ()


def test_an_environment_is_not_removed_beneath_a_program_that_uses_it(wheels, tmp_path):
    wheels.add("alpha")
    user = recreate(pinned("alpha==1.0"), here(), cache=str(tmp_path))
    damage_packages(Path(user.directory))
    other = recreate(pinned("alpha==1.0"), here(), cache=str(tmp_path))
    assert other.is_temporary
    assert "is in use" in other.remarks[-1]
    assert os.path.exists(user.python)
    assert version_in(other, "alpha") == "1.0"
    shutil.rmtree(other.directory)
    user.hold.release()
    again = recreate(pinned("alpha==1.0"), here(), cache=str(tmp_path))
    assert (again.is_temporary, again.was_cached) == (False, False)


def test_two_at_once_make_one_environment(wheels, tmp_path):
    wheels.add("alpha")
    words = [sys.executable, "-c", RECREATE, str(tmp_path / "cache")]
    processes = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = [process.communicate(timeout=120)[0].split() for process in processes]
    assert sorted(answer[1] for answer in answers) == ["False", "True", "True"]
    assert len({answer[0] for answer in answers}) == 1
    assert {answer[2] for answer in answers} == {"0"}


def test_a_killed_maker_leaves_nothing_that_counts(wheels, tmp_path):
    wheels.add("alpha")
    cache = tmp_path / "cache"
    process = subprocess.Popen([sys.executable, "-c", RECREATE, str(cache)])
    wait_until(lambda: any(cache.glob("*/*")))
    process.send_signal(signal.SIGKILL)
    process.wait()
    made = recreate(pinned("alpha==1.0"), here(), cache=str(cache))
    assert version_in(made, "alpha") == "1.0"


def test_an_interrupted_maker_leaves_no_environment_and_no_program(wheels, tmp_path):
    wheels.add("alpha")
    slow = tmp_path / "slow"
    slow.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n")
    slow.chmod(0o755)
    code = RECREATE.replace(
        "cache=sys.argv[1]", f"cache=sys.argv[1], installers=[Installer('uv', ({str(slow)!r},))]"
    )
    code = "from meticulous.reproduce.environment.installing import Installer\n" + code
    cache = tmp_path / "cache"
    process = subprocess.Popen([sys.executable, "-c", code, str(cache)], stderr=subprocess.DEVNULL)
    wait_until(lambda: bool((tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip()))
    process.send_signal(signal.SIGINT)
    assert process.wait(60) != 0
    assert [path.suffix for path in cache.iterdir()] == [".lock"]
    number = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_a_builder_that_outlives_its_killed_maker_is_waited_for(wheels, tmp_path):
    """Its children hold the lock, so nobody builds in the same place beside them."""
    wheels.add("alpha")
    slow = tmp_path / "slow"
    slow.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n")
    slow.chmod(0o755)
    code = RECREATE.replace(
        "cache=sys.argv[1]", f"cache=sys.argv[1], installers=[Installer('uv', ({str(slow)!r},))]"
    )
    code = "from meticulous.reproduce.environment.installing import Installer\n" + code
    cache = tmp_path / "cache"
    process = subprocess.Popen([sys.executable, "-c", code, str(cache)])
    wait_until(lambda: bool((tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip()))
    process.kill()
    process.wait()
    number = int((tmp_path / "pid").read_text())
    try:
        with open(next(cache.glob("*.lock"))) as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.kill(number, signal.SIGKILL)
    assert version_in(recreate(pinned("alpha==1.0"), here(), cache=str(cache)), "alpha") == "1.0"


@pytest.mark.parametrize("obstacle", ["read-only", "file"])
def test_without_a_usable_cache_the_environment_is_for_once(wheels, tmp_path, obstacle):
    wheels.add("alpha")
    cache = tmp_path / "cache"
    if obstacle == "file":
        cache.write_text("")
    elif os.geteuid() == 0:
        pytest.skip("nothing is read-only for the superuser")
    else:
        cache.mkdir(mode=0o555)
    made = recreate(pinned("alpha==1.0"), here(), cache=str(cache / "environments"))
    assert made.is_temporary
    assert "made for this once" in made.remarks[-1]
    assert version_in(made, "alpha") == "1.0"
    shutil.rmtree(made.directory)


def test_without_any_installer_the_message_says_where_to_get_one(tmp_path):
    with pytest.raises(EnvironmentUnavailableError, match=r"Neither uv nor pip .* Install uv"):
        recreate(pinned("alpha==1.0"), here(), cache=str(tmp_path), installers=())
    with pytest.raises(EnvironmentUnavailableError, match="Neither uv nor pip"):
        installable([Pin("alpha", "alpha==1.0")], installers=())


def test_an_interpreter_that_makes_no_environment_is_an_error_of_its_own(wheels, tmp_path):
    no_python = Found("/bin/false", "cpython", (3, 11, 7))
    with pytest.raises(EnvironmentUnavailableError, match="No virtual environment of /bin/false"):
        recreate(pinned(), no_python, cache=str(tmp_path))
    assert [path.suffix for path in tmp_path.iterdir() if path.name != "wheels"] == [".lock"]


def test_the_recorder_is_the_present_one_and_brings_what_it_needs(tmp_path, wheels):
    """Its own requirements are tiny stand-ins here: only that they are asked for is of interest."""
    for name in ("GitPython", "click", "orjson", "pandas", "platformdirs", "psutil", "rich"):
        wheels.add(name, "99.0", requires=("deeper",) if name == "rich" else ())
    wheels.add("tabulate", "99.0")
    wheels.add("ruamel_yaml", "99.0")
    wheels.add("deeper")
    wheels.add("click", "8.1")
    pins = Pins((Pin("click", "click==8.1"),), has_recorder=True)
    made = recreate(pins, here(), cache=str(tmp_path))
    code = "import meticulous; print(meticulous.__file__)"
    done = subprocess.run([made.python, "-I", "-c", code], capture_output=True, text=True)
    import meticulous

    assert os.path.realpath(done.stdout.strip()) == os.path.realpath(meticulous.__file__)
    assert {"orjson", "psutil", "deeper"} <= set(made.added)
    assert version_in(made, "click") == "8.1"


def test_what_the_recorder_needs_is_added_where_the_recorded_version_is_gone(wheels, tmp_path):
    for name in ("GitPython", "orjson", "pandas", "platformdirs", "psutil", "rich", "tabulate"):
        wheels.add(name, "99.0")
    wheels.add("ruamel_yaml", "99.0")
    pins = Pins((Pin("orjson", "orjson==0.1"),), has_recorder=True)
    made = recreate(pins, here(), cache=str(tmp_path), installers=BEST)
    assert version_in(made, "orjson") == "99.0"
    assert [entry.requirement for entry in made.not_installed] == ["orjson==0.1"]
    assert "click" in made.remarks[-1]
    made.hold.release()
    wheels.add("click", "99.0")
    again = recreate(pins, here(), cache=str(tmp_path), installers=BEST)
    assert version_in(again, "click") == "99.0"
    assert again.remarks == ()


def test_a_program_without_the_recorder_is_given_none(tmp_path, wheels):
    made = recreate(pinned(), here(), cache=str(tmp_path))
    done = subprocess.run([made.python, "-I", "-c", "import meticulous"], capture_output=True)
    assert done.returncode != 0
    assert made.added == ()


def test_variables_that_would_lead_packages_elsewhere_are_not_heeded(wheels, tmp_path, monkeypatch):
    wheels.add("alpha")
    for name in ("PIP_TARGET", "PIP_PREFIX", "UV_TARGET", "PYTHONHOME", "VIRTUAL_ENV"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    made = recreate(pinned("alpha==1.0"), here(), cache=str(tmp_path))
    monkeypatch.undo()
    assert version_in(made, "alpha") == "1.0"


def test_which_packages_are_no_longer_to_be_had_is_told_without_installing(
    wheels, tmp_path, installers
):
    wheels.add("alpha")
    pins = [Pin("alpha", "alpha==1.0"), Pin("gone", "gone==1.0")]
    found = installable(pins, installers=installers)
    assert [entry.requirement for entry in found] == ["gone==1.0"]
    assert subprocess.run([sys.executable, "-c", "import alpha"], capture_output=True).returncode


def test_without_a_network_that_is_the_reason(tmp_path, monkeypatch, installers):
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    (found,) = installable([Pin("alpha", "alpha==1.0")], installers=installers)
    assert found.requirement == "alpha==1.0"
    assert "onnection" in found.reason


def test_once_the_network_has_failed_it_is_not_asked_again():
    pins = [Pin(name, f"{name}==1.0") for name in ("alpha", "beta")]
    tried = []

    def attempt(some, offline):
        tried.append((len(some), offline))
        return "not in the cache" if offline else "Connection refused"

    found = failing(pins, attempt, time.monotonic() + 60)
    assert found == dict.fromkeys(pins, "Connection refused")
    assert tried == [(2, False), (2, True), (1, True), (1, True)]


def test_one_bad_package_of_many_costs_few_attempts():
    pins = [Pin(str(number), str(number)) for number in range(100)]
    tried: list[int] = []

    def attempt(some, offline):
        tried.append(len(some))
        return "it is bad" if pins[37] in some else None

    assert failing(pins, attempt, time.monotonic() + 60) == {pins[37]: "it is bad"}
    assert len(tried) < 20


def test_a_package_that_the_reason_names_is_set_aside_at_once():
    pins = [Pin(f"package-{number}", f"Package_{number}==1.0") for number in range(100)]
    tried: list[int] = []

    def attempt(some, offline):
        tried.append(len(some))
        return "No matching distribution found for Package_37==1.0" if pins[37] in some else None

    assert list(failing(pins, attempt, time.monotonic() + 60)) == [pins[37]]
    assert tried == [100, 1, 99]


def test_of_no_packages_none_fails():
    def attempt(some, offline):
        raise AssertionError("nothing is to be tried")

    assert failing([], attempt, time.monotonic() + 60) == {}


def test_a_package_whose_name_speaks_of_networks_is_no_lack_of_one():
    pins = [Pin(name, f"{name}==1") for name in ("networkx", "alpha")]
    offline_then = []

    def attempt(some, offline):
        offline_then.append(offline)
        return "No matching distribution found for networkx==1" if pins[0] in some else None

    assert list(failing(pins, attempt, time.monotonic() + 60)) == [pins[0]]
    assert not any(offline_then)


def test_when_the_time_is_up_the_rest_is_said_to_be_untried():
    pins = [Pin("alpha", "alpha==1.0")]
    found = failing(pins, lambda some, offline: None, time.monotonic() - 1)
    assert found == {pins[0]: "not tried: the time was up"}


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("", ""),
        ("ERROR: No matching distribution found for gone==1\n", "No matching distribution found "
         "for gone==1"),
        ("error: No solution\n  cause: Because gone was not found\n\nhint: look elsewhere\n",
         "Because gone was not found"),
        ("  x Failed to build\n  ╰─▶ ModuleNotFoundError: No module named 'x'\n",
         "ModuleNotFoundError: No module named 'x'"),
        ("error: Failed to fetch: `http://x`\n  cause: Connection refused (os error 111)\n",
         "Failed to fetch: `http://x`: Connection refused (os error 111)"),
    ],
)  # fmt: skip
def test_the_reason_is_the_line_that_says_why(output, reason):
    assert reason_of(output) == reason


def test_a_password_in_the_address_of_an_index_is_not_told():
    output = "error: could not connect to https://user:hunter2secret@index.example.org/simple\n"
    assert "hunter2secret" not in reason_of(output)


def test_not_installed_is_plain_data():
    entry = NotInstalled("alpha==1.0", "gone")
    assert json.dumps([entry.requirement, entry.reason]) == '["alpha==1.0", "gone"]'
