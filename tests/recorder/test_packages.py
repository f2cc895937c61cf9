"""Tests of meticulous.recorder.environment.packages."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

from meticulous.recorder.environment import packages as module
from meticulous.recorder.environment.packages import (
    add_code_states,
    conda_packages,
    installed_packages,
    requirements,
)


class SitePackages:
    """A real folder of installed distributions, whose metadata the tests write by hand."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True)

    def add(self, name: str, version: str = "1.0", **files: str | dict) -> Path:
        """Write NAME-VERSION.dist-info; `files` by name with "_" for ".", objects as JSON."""
        folder = self.directory / f"{name}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nVersion: of the text\n"
        )
        for file, content in files.items():
            text = content if isinstance(content, str) else json.dumps(content)
            (folder / file.replace("__", ".")).write_text(text)
        return folder

    def installed(self) -> dict[str, dict]:
        """The packages found, by name."""
        return {
            package["name"]: package for package in installed_packages([str(self.directory)])[0]
        }

    def broken(self) -> list[dict]:
        """The broken packages found."""
        return installed_packages([str(self.directory)])[1]

    def requirements(self) -> list[str]:
        """The lines for pip, without the two of the head."""
        found = installed_packages([str(self.directory)])[0]
        add_code_states(found)
        return requirements(found).splitlines()[2:]


@pytest.fixture
def site(tmp_path: Path) -> SitePackages:
    return SitePackages(tmp_path / "site-packages")


def test_packages_of_this_environment_are_those_that_pip_lists():
    found, broken = installed_packages(sys.path)
    listed = json.loads(
        subprocess.run(
            [sys.executable, "-m", "pip", "list", "--format=json", "--disable-pip-version-check"],
            check=True,
            capture_output=True,
        ).stdout
    )
    assert {(package["name"], package["version"]) for package in listed} <= {
        (package["name"], package["version"]) for package in found
    }
    assert broken == []
    assert [p["name"].lower().replace("_", "-") for p in found] == sorted(
        p["name"].lower().replace("_", "-") for p in found
    )


def test_requirements_of_this_environment_are_understood_by_pip():
    found, _ = installed_packages(sys.path)
    for line in requirements(found, "3.11").splitlines():
        if not line.startswith(("#", "-e ")):
            Requirement(line)


def test_meticulous_itself_is_installed_in_place():
    found, _ = installed_packages([sysconfig.get_path("purelib")])
    ours = {package["name"]: package for package in found}["meticulous-ml"]
    assert Path(ours["editable"]) == Path(module.__file__).parents[3]


def test_an_editable_package_in_a_repository_is_recorded_with_its_commit(site, repository):
    repository.git("remote", "add", "origin", "https://user:hunter2@example.org/tools.git")
    repository.commit({"tools/pyproject.toml": "[project]\n"})
    directory = repository.directory / "tools"
    site.add("tools", direct_url__json={"url": directory.as_uri(), "dir_info": {"editable": True}})
    assert site.requirements() == [
        f"# tools==1.0 is installed in place from {directory}, commit {repository.head}",
        f"tools @ git+https://example.org/tools.git@{repository.head}#subdirectory=tools",
    ]
    repository.write("tools/pyproject.toml", "[project] # changed\n")
    assert site.requirements()[0].endswith(f"commit {repository.head}, with uncommitted changes")
    package = site.installed()["tools"]
    add_code_states([package])
    assert package["editable"] == str(directory)
    assert package["git"]["commit"] == repository.head
    assert package["git"]["remote"] == "https://example.org/tools.git"
    assert package["git"]["subdirectory"] == "tools"
    assert len(package["git"]["dirty"]) == 1


def test_an_editable_package_without_remote_is_required_by_its_path(site, make_repository):
    directory = make_repository("a project").directory
    site.add("tools", direct_url__json={"url": directory.as_uri(), "dir_info": {"editable": True}})
    assert site.requirements()[1] == f"-e '{directory}'"


def test_an_editable_package_outside_of_any_repository_has_no_code_state(site, tmp_path):
    site.add("tools", direct_url__json={"url": tmp_path.as_uri(), "dir_info": {"editable": True}})
    package = site.installed()["tools"]
    add_code_states([package])
    assert "git" not in package


def test_trouble_with_git_costs_only_the_code_state(site, make_repository):
    directory = make_repository("empty", commit=False).directory
    site.add("tools", direct_url__json={"url": directory.as_uri(), "dir_info": {"editable": True}})
    package = site.installed()["tools"]
    add_code_states([package])
    assert "no commit" in package["git"]["error"]
    assert site.requirements()[1].startswith("-e ")


def test_an_editable_path_with_a_line_break_cannot_break_the_requirements(site):
    site.add(
        "tools", direct_url__json={"url": "file:///a%0Ab%20%23c", "dir_info": {"editable": True}}
    )
    assert site.installed()["tools"]["editable"] == "/a\nb #c"
    assert all(line.startswith("#") for line in site.requirements())


def test_a_package_from_a_repository_is_recorded_without_credentials(site):
    site.add(
        "lib",
        direct_url__json={
            "url": "https://me:hunter2@example.org/lib.git",
            "subdirectory": "python dir",
            "vcs_info": {"vcs": "git", "commit_id": "c0ffee", "requested_revision": "main"},
        },
    )
    assert site.installed()["lib"]["vcs"] == {
        "name": "git",
        "url": "https://example.org/lib.git",
        "commit": "c0ffee",
        "requested-revision": "main",
        "subdirectory": "python dir",
    }
    line = "lib @ git+https://example.org/lib.git@c0ffee#subdirectory=python%20dir"
    assert site.requirements() == [line]
    assert Requirement(line).url is not None


def test_the_user_of_an_ssh_address_stays(site):
    site.add(
        "lib",
        direct_url__json={
            "url": "ssh://git:hunter2@example.org/lib.git",
            "vcs_info": {"vcs": "git", "commit_id": "c0ffee"},
        },
    )
    assert site.requirements() == ["lib @ git+ssh://git@example.org/lib.git@c0ffee"]


def test_a_package_from_an_address_is_required_from_there(site):
    site.add(
        "lib",
        direct_url__json={
            "url": "https://t0ken@example.org/lib-1.0-py3-none-any.whl",
            "archive_info": {"hash": "sha256=abc"},
        },
    )
    assert site.requirements() == ["lib @ https://example.org/lib-1.0-py3-none-any.whl#sha256=abc"]


def test_an_address_loses_its_parameters_which_may_be_secret(site):
    site.add(
        "lib",
        direct_url__json={
            "url": "https://example.org/lib.whl?X-Signature=hunter2&v=1",
            "archive_info": {},
        },
    )
    assert site.requirements() == ["lib @ https://example.org/lib.whl"]


@pytest.mark.parametrize(
    ("info", "told"),
    [
        ({"dir_info": {}}, "from the directory /build/lib"),
        ({"archive_info": {}}, "from the file file:///build/lib"),
    ],
)
def test_what_came_from_this_machine_becomes_a_comment(site, info, told):
    site.add("lib", direct_url__json={"url": "file:///build/lib", **info})
    assert site.requirements() == [f"# lib==1.0 was installed {told}"]


def test_the_directory_where_conda_built_a_package_is_left_out(site):
    site.add(
        "lib", direct_url__json={"url": "file:///croot/lib", "dir_info": {}}, INSTALLER="conda\n"
    )
    assert site.requirements() == ["lib==1.0"]


def test_broken_distributions_are_listed_apart(site):
    site.add("whole")
    (site.directory / "empty-2.0.dist-info").mkdir()
    (site.add("nameless") / "METADATA").write_text("Version: 1\n")
    (site.add("versionless") / "METADATA").write_text("Name: versionless\n\n")
    (site.add("binary") / "METADATA").write_bytes(b"Name: \xff\xfe\n")
    site.add("~alf")
    assert list(site.installed()) == ["whole"]
    assert {package["name"]: package["reason"].partition(" ")[0] for package in site.broken()} == {
        "empty": "there",
        "nameless": "METADATA",
        "versionless": "METADATA",
        "binary": "'utf-8'",
        "~alf": "left",
    }
    assert all(package["location"] == str(site.directory) for package in site.broken())


@pytest.mark.parametrize("text", ["", "not json", "[]", "{}", '{"url": 3}'])
def test_a_direct_url_that_makes_no_sense_costs_only_the_origin(site, text):
    site.add("lib", direct_url__json=text)
    assert site.requirements() == ["lib==1.0"]
    assert len(site.broken()) == (1 if text else 0)


def test_the_first_on_the_path_is_the_one_that_counts(tmp_path):
    first, second = SitePackages(tmp_path / "a"), SitePackages(tmp_path / "b")
    first.add("Some.Lib", "2.0")
    second.add("some_lib", "1.0")
    found, _ = installed_packages([str(first.directory), str(second.directory)])
    assert [(package["name"], package["version"]) for package in found] == [("Some.Lib", "2.0")]


def test_folders_eggs_and_archives_are_found_as_python_itself_finds_them(site, tmp_path):
    site.add("Some.Lib", "2.0")
    (site.directory / "old-1.0.egg-info").write_text("Name: old\r\nVersion: 1.0\r\n")
    egg = tmp_path / "laid-3.0-py3.egg" / "EGG-INFO"
    egg.mkdir(parents=True)
    (egg / "PKG-INFO").write_text("Name: laid\nVersion: 3.0\n")
    with zipfile.ZipFile(tmp_path / "zipped.whl", "w") as archive:
        archive.writestr("zipped-4.0.dist-info/METADATA", "Name: zipped\nVersion: 4.0\n")
    (tmp_path / "text").write_text("no archive")
    names = ("site-packages", "laid-3.0-py3.egg", "zipped.whl", "text", "missing")
    path = [str(tmp_path / name) for name in names]

    found, broken = installed_packages(path)

    of_python = importlib.metadata.distributions(path=path)
    versions = {one.metadata["Name"]: one.version for one in of_python}
    assert {package["name"]: package["version"] for package in found} == versions
    assert set(versions) == {"Some.Lib", "old", "laid", "zipped"}
    assert broken == []


def test_old_metadata_in_a_source_tree_gives_way_to_the_installation_of_it(site, tmp_path):
    tree = tmp_path / "tree"
    (tree / "src" / "lib.egg-info").mkdir(parents=True)
    (tree / "src" / "lib.egg-info" / "PKG-INFO").write_text("Name: lib\nVersion: 0.1\n")
    site.add("lib", "0.2", direct_url__json={"url": tree.as_uri(), "dir_info": {"editable": True}})
    found, _ = installed_packages([str(tree / "src"), str(site.directory)])
    assert [(p["version"], p["editable"]) for p in found] == [("0.2", str(tree))]


def test_a_legacy_installation_in_place_is_editable(site, tmp_path):
    # `setup.py develop`: a link, and the tree on the import path by way of easy-install.pth.
    tree = tmp_path / "tree"
    (tree / "lib.egg-info").mkdir(parents=True)
    (tree / "lib.egg-info" / "PKG-INFO").write_text("Name: lib\nVersion: 0.1\n")
    (site.directory / "lib.egg-link").write_text(f"{tree}\n.")
    found, broken = installed_packages([str(site.directory), str(tree)])
    assert [(p["name"], p["editable"]) for p in found] == [("lib", str(tree))]
    assert broken == []


def test_an_installation_by_distutils_is_one_file(site):
    (site.directory / "lib-1.0.egg-info").write_text("Name: lib\nVersion: 1.0\n")
    assert site.requirements() == ["lib==1.0"]


def test_a_version_that_pip_refuses_becomes_a_comment(site):
    site.add("lib", "2004d")
    (line,) = site.requirements()
    assert line.startswith("# lib==2004d ")


@given(st.from_regex(r"[0-9v!.a-z+_-]{1,12}", fullmatch=True))
def test_pinned_versions_are_exactly_those_that_pip_takes(version):
    try:
        Version(version)
    except InvalidVersion:
        accepted = False
    else:
        accepted = True
    (line,) = requirements([{"name": "lib", "version": version}]).splitlines()[2:]
    assert (line == f"lib=={version}") == accepted


def test_conda_packages_are_read_from_its_records(tmp_path):
    records = tmp_path / "conda-meta"
    records.mkdir()
    channel = "https://me:pw@conda.example.org/t/tk-123/forge/linux-64"
    (records / "python-3.11.7-hab00c5b_1_cpython.json").write_text(
        json.dumps({"build": "x", "channel": channel, "files": ["a"] * 5000})
    )
    (records / "lib-gcc-ng-13.2.0-h807b86a_3.json").write_text("not json")
    (records / "history").write_text("")
    assert conda_packages(str(tmp_path)) == [
        {"name": "lib-gcc-ng", "version": "13.2.0", "build": "h807b86a_3", "channel": None},
        {
            "name": "python",
            "version": "3.11.7",
            "build": "hab00c5b_1_cpython",
            "channel": "https://conda.example.org/t/<redacted>/forge/linux-64",
        },
    ]
    assert conda_packages(str(records)) is None
