from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from written_records import write_record

from meticulous.reader import read_record
from meticulous.reproduce.audit import audit
from meticulous.reproduce.crate import export_crate
from meticulous.reproduce.repository import ask_repositories
from meticulous.reproduce.verify import verify

TEXTS = st.one_of(
    st.sampled_from(["", "--all", "HEAD", "0" * 40, "../x", "a\nb", "/tmp/x", "\x00", "null"]),
    st.text(max_size=8),
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)

KEYS = [
    "githead-sha",
    "git-snapshot",
    "git-branch",
    "git-remote",
    "git-untracked-sources",
    "warnings",
    "command",
    "stdin",
    "original-command",
    "seed",
    "randomness",
    "reproduces",
    "reproduces-uid",
    "uid",
    "host",
    "user",
    "tags",
    "description",
    "githead-message",
    "python",
    "duration",
]

ENTRIES = st.one_of(
    VALUES,
    st.fixed_dictionaries(
        {
            "path": TEXTS,
            "in": st.sampled_from(["experiment", "repository", "elsewhere", 3]),
            "size": SCALARS,
            "sha256": SCALARS,
        }
    ),
)
LISTINGS = st.one_of(
    VALUES,
    st.fixed_dictionaries(
        {"inputs": st.lists(ENTRIES, max_size=3), "outputs": st.lists(ENTRIES, max_size=3)}
    ),
)
PACKAGES = st.fixed_dictionaries({"name": VALUES, "version": VALUES, "editable": VALUES})
ENVIRONMENTS = st.one_of(
    VALUES,
    st.fixed_dictionaries(
        {
            "cpu": st.one_of(VALUES, st.fixed_dictionaries({"model": VALUES})),
            "gpus": st.one_of(VALUES, st.lists(st.fixed_dictionaries({"name": VALUES}))),
            "packages": st.one_of(VALUES, st.lists(st.one_of(PACKAGES, VALUES), max_size=2)),
            "variables": VALUES,
            "python": VALUES,
        }
    ),
)


@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    metadata=st.dictionaries(st.sampled_from(KEYS), VALUES),
    files=LISTINGS,
    environment=ENVIRONMENTS,
    others=st.dictionaries(
        st.sampled_from(["args", "default_args", "summary", "reproduction"]), VALUES
    ),
)
def test_whatever_a_record_holds_it_is_answered(
    repository, metadata: dict[str, Any], files: Any, environment: Any, others: dict[str, Any]
):
    with tempfile.TemporaryDirectory(dir=repository.directory) as place:
        settings: dict[str, Any] = {"args": {}, "default_args": {}, **others}
        folder = write_record(
            Path(place),
            "1",
            metadata=metadata,
            files=files,
            environment=environment,
            **settings,
        )
        (folder / "requirements.txt").write_text("numpy==2.0\n")
        records = [read_record(folder)]
        holders = ask_repositories(records, None)
        for found in verify(records, holders):
            json.dumps(found.as_document())
        json.dumps(audit(records, holders).as_document())
        export_crate(records[0], holders[place], str(Path(place) / "crate"))
        json.loads((Path(place) / "crate" / "ro-crate-metadata.json").read_text())
