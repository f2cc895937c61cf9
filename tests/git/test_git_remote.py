from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous.git.command import Question
from meticulous.git.remote import (
    CONFIG_WORDS,
    default_remote,
    parse_config,
    without_credentials,
)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://host.org/a/b.git", "https://host.org/a/b.git"),
        ("https://user:pass@host.org/a/b.git", "https://host.org/a/b.git"),
        ("https://token@host.org/a/b.git", "https://host.org/a/b.git"),
        ("https://user:p@ss@host.org:8443/a", "https://host.org:8443/a"),
        ("https://user:pa/ss@host.org/a/b.git", "https://host.org/a/b.git"),
        ("https://user:pa?ss#@host.org/a/b.git", "https://host.org/a/b.git"),
        ("https://host.org/a/@scope/b", "https://host.org/a/@scope/b"),
        ("https://host.org:8443/a/@scope/b", "https://host.org:8443/a/@scope/b"),
        ("https://[::1]/a@b", "https://[::1]/a@b"),
        ("https://[::1]:8080/a@b", "https://[::1]:8080/a@b"),
        ("https://host.org/a.git?private_token=secret#x", "https://host.org/a.git"),
        ("HTTPS://user:pass@host.org/a", "HTTPS://host.org/a"),
        ("persistent-https::https://user:pass@host.org/a", "persistent-https::https://host.org/a"),
        ("ftp://user:pass@host.org/a", "ftp://host.org/a"),
        ("git://host.org/a", "git://host.org/a"),
        ("ssh://git@host.org/a.git", "ssh://git@host.org/a.git"),
        ("ssh://git:pass@host.org:22/a.git", "ssh://git@host.org:22/a.git"),
        ("ssh://git:pa/ss@host.org/a.git", "ssh://git@host.org/a.git"),
        ("https://me:pass:?word@host.org/a", "https://host.org/a"),
        ("ssh://host.org/a.git", "ssh://host.org/a.git"),
        ("git@host.org:a/b.git", "git@host.org:a/b.git"),
        ("/home/user/a@b", "/home/user/a@b"),
        ("../sibling", "../sibling"),
        ("file:///home/a?b#c", "file:///home/a?b#c"),
        ("", ""),
    ],
)
def test_credentials_leave_a_url_and_nothing_else_does(url, kept):
    assert without_credentials(url) == kept


@given(
    scheme=st.sampled_from(["http", "https", "ssh", "ftp", "git+ssh"]),
    user=st.from_regex(r"[a-z]{1,8}", fullmatch=True),
    password=st.text(min_size=1),
    host=st.from_regex(r"[a-z]{1,10}\.org(:[0-9]{1,4})?", fullmatch=True),
    path=st.from_regex(r"(/[a-z.]{1,6}){1,3}", fullmatch=True),
)
def test_no_password_survives(scheme, user, password, host, path):
    # Digits before a slash make a valid port: git itself would call the user a host then.
    password = "s" + password
    kept = without_credentials(f"{scheme}://{user}:{password}@{host}{path}")
    assert kept in (f"{scheme}://{host}{path}", f"{scheme}://{user}@{host}{path}")


@given(st.text())
def test_removing_credentials_twice_changes_nothing_more(url):
    once = without_credentials(url)
    assert without_credentials(once) == once


def remote(repository, branch="main"):
    output = Question(str(repository.directory), *CONFIG_WORDS).output(1)
    return default_remote(parse_config(output), branch)


def test_no_remote(repository):
    assert remote(repository) is None


def test_the_only_remote_counts_whatever_its_name(repository):
    repository.git("remote", "add", "up.stream", "https://host.org/a")
    assert remote(repository) == "https://host.org/a"


def test_origin_comes_before_others(repository):
    repository.git("remote", "add", "another", "https://host.org/a")
    assert remote(repository) == "https://host.org/a"
    repository.git("remote", "add", "origin", "https://user:pass@host.org/b")
    assert remote(repository) == "https://host.org/b"


def test_two_remotes_without_origin_are_not_guessed_between(repository):
    repository.git("remote", "add", "one", "https://host.org/a")
    repository.git("remote", "add", "two", "https://host.org/b")
    assert remote(repository) is None


def test_the_branchs_own_remote_comes_first(repository):
    repository.git("remote", "add", "origin", "https://host.org/a")
    repository.git("remote", "add", "fork", "https://host.org/b")
    repository.git("config", "branch.main.remote", "fork")
    assert remote(repository) == "https://host.org/b"
    assert remote(repository, "other") == "https://host.org/a"
    assert remote(repository, None) == "https://host.org/a"


def test_a_branch_that_follows_a_local_one_has_the_repositorys_remote(repository):
    repository.git("remote", "add", "origin", "https://host.org/a")
    repository.git("config", "branch.main.remote", ".")
    assert remote(repository) == "https://host.org/a"


def test_a_branch_may_follow_a_bare_url(repository):
    repository.git("config", "branch.main.remote", "https://user:pass@host.org/b")
    assert remote(repository) == "https://host.org/b"


def test_the_first_of_several_urls_is_the_one_fetched_from(repository):
    repository.git("remote", "add", "origin", "https://host.org/a")
    repository.git("remote", "set-url", "--add", "origin", "https://host.org/b")
    assert remote(repository) == "https://host.org/a"


def test_a_rewritten_url_is_recorded_as_configured(repository):
    repository.git("remote", "add", "origin", "gh:a/b")
    repository.git("config", "url.https://token@host.org/.insteadOf", "gh:")
    assert remote(repository) == "gh:a/b"


@given(
    st.dictionaries(
        st.from_regex(r"remote\.[a-z. \n]{1,5}\.url", fullmatch=True).filter(
            lambda key: "\n" not in key
        ),
        st.lists(st.text().filter(lambda value: "\0" not in value), min_size=1),
    )
)
def test_configuration_is_read_back_with_all_values_in_order(config):
    output = "".join(f"{key}\n{value}\0" for key, values in config.items() for value in values)
    assert parse_config(output.encode("utf-8", "surrogateescape")) == config


def test_a_key_without_a_value_is_passed_over():
    assert parse_config(b"remote.origin.url\0") == {}
