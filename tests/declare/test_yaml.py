"""YAML of users: read in every thread, and refused with a reason."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from meticulous.declare.yaml import load
from meticulous.errors import InvalidYamlError


def test_threads_read_at_once():
    written = {f"name{number}": [number, {"half": number / 2}] for number in range(40)}
    with ThreadPoolExecutor(4) as threads:
        read = threads.map(lambda _: load(str(written), "here"), range(8))
        assert all(one == written for one in read)


@pytest.mark.parametrize("text", ["[" * 1000, "{a: " * 1000])
def test_what_is_nested_too_deeply_is_refused(text: str):
    with pytest.raises(InvalidYamlError, match="-u is nested too deeply"):
        load(text, "-u")
