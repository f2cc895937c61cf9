"""Ask the public validator whether a crate is a Process Run Crate, without a network."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import requests
import rocrate
from requests.adapters import BaseAdapter
from rocrate_validator import services
from rocrate_validator.models import Severity
from rocrate_validator.utils.http import HttpRequester

CONTEXT = "https://w3id.org/ro/crate/1.1/context"


class OnlyTheContext(BaseAdapter):
    """Answers for the whole web: with the context that the package rocrate brings, and nothing."""

    def send(self, request: Any, **settings: Any) -> requests.Response:
        response = requests.Response()
        response.request, response.url = request, request.url
        response.status_code = 200 if request.url == CONTEXT else 404
        response.headers["Content-Type"] = "application/ld+json"
        response.raw = io.BytesIO(_context() if request.url == CONTEXT else b"")
        return response

    def close(self) -> None:
        pass


def _context() -> bytes:
    # That of a later RO-Crate, without what 1.1 does not have of what a crate might use.
    path = Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld"
    document = json.loads(path.read_bytes())
    for term in ("sha256", "environment"):
        document["@context"].pop(term, None)
    return json.dumps(document).encode()


def issues_of(crate: Path) -> list[str]:
    """Return what a crate (a folder, or a zip file) lacks of what the profile requires."""
    settings = services.ValidationSettings(
        rocrate_uri=str(crate),
        profile_identifier="process-run-crate",
        requirement_severity=Severity.REQUIRED,
        no_cache=True,
    )
    for scheme in ("https://", "http://"):
        HttpRequester().session.mount(scheme, OnlyTheContext())
    found = services.validate(settings)
    return [f"{issue.check.identifier}: {issue.message}" for issue in found.get_issues()]
