"""Where the server is: a libpq URL taken apart, so that its secrets are never shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from knows_core import BackendError

HINT: Final = "Write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, or postgresql:///DATABASE?host=/SOCKET/FOLDER."
_OPTIONS: Final = {"knows_schema": "schema", "knows_lease": "lease"}
_SECRET: Final = ("password", "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret")
# Bounded also where nothing answers; what the URL says wins.
_DEFAULTS: Final = {"connect_timeout": "10", "application_name": "knows", "tcp_user_timeout": "30000"}


@dataclass(frozen=True, slots=True)
class Address:
    """A place on a server: how libpq is told, and how a person is."""

    conninfo: str = field(repr=False)
    shown: str
    secrets: tuple[str, ...] = field(repr=False)

    def scrub(self, text: object) -> str:
        """The text without the secrets of this address."""
        return _scrubbed(str(text), self.secrets)


def read_address(url: str, schema: str) -> Address:
    """Take a libpq URL (or `key=value` text) apart. Raises BackendError, naming no secret."""
    try:
        parts = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
        defaults = {name: value for name, value in _DEFAULTS.items() if name not in parts}
        conninfo = make_conninfo(url, **defaults, client_encoding="UTF8")
    except (psycopg.Error, UnicodeError) as error:
        reason = f"the URL cannot be read: {_scrubbed(str(error).strip(), _raw_secrets(url))}"
        raise BackendError(backend="postgresql://…", reason=reason, hint=HINT) from None  # its text holds the URL
    if "@" in parts.get("host", "") or "@" in _path(url) or not re.fullmatch(r"[\d,]*", parts.get("port", "")):
        # libpq would take a piece of the password for a host, a port or a database, and tell everybody about it.
        reason = "the URL cannot be read: user and password end at the first @ and hold no /"
        raise BackendError(backend="postgresql://…", reason=reason, hint="Write @ as %40, / as %2F and : as %3A there.")
    secrets = tuple(parts[name] for name in _SECRET if parts.get(name))
    return Address(conninfo, _shown(parts, schema), secrets)


def _path(url: str) -> str:
    return url.partition("://")[2].partition("?")[0].partition("/")[2]


def split_options(url: str) -> tuple[str, dict[str, str]]:
    """Take our own query parameters (`knows_…`) out of a URL, and leave the rest to libpq as it is."""
    place, mark, query = url.partition("?")
    pieces = query.split("&") if mark else []
    ours = [piece.partition("=") for piece in pieces if piece.startswith("knows_")]
    rest = "&".join(piece for piece in pieces if not piece.startswith("knows_"))
    unknown = sorted({name for name, _, _ in ours} - set(_OPTIONS))
    if unknown:
        hint = f"Known are {', '.join(_OPTIONS)}; everything else goes to libpq as it is."
        raise BackendError(backend="postgresql://…", reason=f"no option {', '.join(unknown)}", hint=hint)
    return place + (f"?{rest}" if rest else ""), {_OPTIONS[name]: unquote(value) for name, _, value in ours}


def check_schema(schema: str) -> None:
    """Raise BackendError for a name that would have to be quoted, or is cut off by PostgreSQL."""
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema) or schema.startswith("pg_"):
        hint = "A schema is named in small letters, digits and _, at most 63 of them, and not pg_…."
        raise BackendError(backend="postgresql://…", reason=f"{schema!r} is no name for a schema", hint=hint)


def _shown(parts: dict[str, str], schema: str) -> str:
    who = f"{parts['user']}{':***' if 'password' in parts else ''}@" if "user" in parts else ""
    host = parts.get("host", parts.get("hostaddr", ""))
    where = f":{parts['port']}" if "port" in parts else ""
    asked = [f"host={host}"] * host.startswith("/") + [f"knows_schema={schema}"] * (schema != "knows")
    place = f"{who}{'' if host.startswith('/') else host}{where}"
    return f"postgresql://{place}/{parts.get('dbname', '')}{'?' * bool(asked)}{'&'.join(asked)}"


def _raw_secrets(url: str) -> tuple[str, ...]:
    """Whatever may be a password in a text that nobody could read."""
    user_info = re.sub(r"^[a-z]+:/*", "", url).rpartition("@")[0]
    found = [user_info.partition(":")[2], *re.findall(rf"(?:{'|'.join(_SECRET)})\s*=\s*([^&\s]+)", url)]
    return tuple(form for one in found if one for form in (one, unquote(one)))


def _scrubbed(text: str, secrets: tuple[str, ...]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
