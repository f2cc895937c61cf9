"""Tells from git's configuration where the code came from, without the secrets in it."""

from __future__ import annotations

import os

CONFIG_WORDS = (
    "config",
    "-z",
    "--get-regexp",
    r"^(remote\..*\.url|branch\..*\.remote|core\.worktree)$",
)

_SSH = ("ssh", "git+ssh", "ssh+git")


def parse_config(output: bytes) -> dict[str, list[str]]:
    """Read the answer of `git config -z`: every key with its values, in the order of the files."""
    values: dict[str, list[str]] = {}
    for field in output.split(b"\0"):
        key, separator, value = field.partition(b"\n")
        if separator:
            values.setdefault(os.fsdecode(key), []).append(os.fsdecode(value))
    return values


def default_remote(config: dict[str, list[str]], branch: str | None) -> str | None:
    """Return the URL of the remote that `git fetch` would use, without credentials.

    That is the branch's own remote, else "origin", else the only one there is; None without any,
    and where several are left to choose from.
    """
    urls = {
        key.removeprefix("remote.").removesuffix(".url"): next(filter(None, values), "")
        for key, values in config.items()
        if key.startswith("remote.") and key.endswith(".url")
    }
    urls = {name: url for name, url in urls.items() if url}
    chosen = [*config.get(f"branch.{branch}.remote", ())[-1:], "origin"]
    if len(urls) == 1:
        chosen += urls
    for name in chosen:
        if name in urls or ":" in name:  # a branch may name a URL instead of a remote
            return without_credentials(urls.get(name, name))
    return None


def without_credentials(url: str) -> str:
    """Return the URL without what could be a secret.

    A password goes, and for everything but ssh the user too, since it may be a token
    (`https://TOKEN@host/...`); so does the query of a web address. `git@host:path`,
    `ssh://git@host/path` and paths stay as they are.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme == "file":
        return url
    authority, path = _split(rest, "/?#")
    if "@" in path and "@" not in authority and not _is_host(authority):
        # A password with an unescaped "/": what looks like a port is its beginning.
        password, _, rest = path.rpartition("@")
        host, path = _split(rest, "/?#")
        authority = f"{authority}{password}@{host}"
    user, at, host = authority.rpartition("@")
    # A helper's name may stand before the scheme, as in `persistent-https::https://`.
    if scheme.rpartition("::")[2].lower() in _SSH:
        return f"{scheme}://{user.partition(':')[0]}{at}{host}{path}"
    return f"{scheme}://{host}{_split(path, '?#')[0]}"


def _split(text: str, ends: str) -> tuple[str, str]:
    """Split before the first character that is one of `ends`."""
    end = min((i for i in map(text.find, ends) if i >= 0), default=len(text))
    return text[:end], text[end:]


def _is_host(authority: str) -> bool:
    """Tell whether this is a host with, perhaps, a port."""
    host, colon, port = authority.rpartition(":")
    if not colon or host.startswith("["):
        return True
    return ":" not in host and (port == "" or port.isdigit())
