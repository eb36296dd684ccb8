"""URLs of backends as they can be shown to anybody: without what may be secret in them."""

from __future__ import annotations

_WITHOUT_SECRETS = ("sqlite", "memory")
# Where a lone name before the `@` is who logs in; elsewhere it may be a token.
_WITH_USERS = ("postgresql", "postgres")
# Options that say where and how, of libpq, redis-py and ours; any other may be a password under whatever name.
_OPTIONS = frozenset({
    "host", "hostaddr", "port", "dbname", "db", "user", "sslmode", "connect_timeout", "application_name",
    "target_session_attrs", "protocol", "socket_timeout", "socket_connect_timeout",
})  # fmt: skip
_OUR_OPTIONS = "knows_"


def masked(url: str) -> str:
    """The URL with `***` for its password, and for what else may be one."""
    scheme, colon, rest = url.partition(":")
    if not colon or scheme.lower() in _WITHOUT_SECRETS:
        return url
    place, question, options = rest.partition("?")
    if "@" in options:  # a password with a question mark, or an option with an at sign: nobody can tell where it ends
        return f"{scheme}:***"
    login, at, host = place.rpartition("@")
    slashes, login = ("//", login.removeprefix("//")) if login.startswith("//") else ("", login)
    is_user = scheme.lower() in _WITH_USERS and ":" not in login.removesuffix(":")
    shown = "".join([slashes, login if is_user else "***", at, host]) if at else place
    return f"{scheme}:{shown}{question}{'&'.join(map(_option, options.split('&')))}"


def _option(option: str) -> str:
    name, equals, _ = option.partition("=")
    is_harmless = not equals or name in _OPTIONS or name.startswith(_OUR_OPTIONS)
    return option if is_harmless and equals else f"{name}=***" if equals else "***" if option else ""
