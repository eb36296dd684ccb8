"""Where `kwf` and registries find secrets besides the environment: files, and the keyring of the operating system."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from knows_core import SecretUnavailable, hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LARGEST: Final = 64_000  # bytes: a key or a token is small, and somebody may have named the wrong file


@hookimpl
def knows_secrets() -> Mapping[str, Callable[[str], str]]:
    """Offer `file:PATH` and `keyring:SERVICE/USER`."""
    return {"file": from_file, "keyring": from_keyring}


def from_file(name: str) -> str:
    """The text of a file, without one line end at its end. Raises SecretUnavailable."""
    try:
        with Path(name).expanduser().open("rb") as file:
            octets = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise _unavailable("file", name, "there is no such file") from None
    except (OSError, ValueError, RuntimeError) as error:
        raise _unavailable("file", name, f"the file cannot be read ({type(error).__name__})") from None
    if len(octets) > LARGEST:
        raise _unavailable("file", name, f"the file has more than {LARGEST} bytes")
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        text = ""
    if octets and not text:
        raise _unavailable("file", name, "the file is no UTF-8 text")
    return text.removesuffix("\n").removesuffix("\r")


def from_keyring(name: str) -> str:
    """The password of a user of a service. Raises SecretUnavailable."""
    service, _, user = name.rpartition("/")
    if not service or not user:
        raise _unavailable("keyring", name, "expected SERVICE/USER")
    try:
        import keyring  # an extra, and it looks for the operating system's own when it is imported
    except ImportError:
        raise _unavailable("keyring", name, 'pip install "knows-registry[keyring]" brings what reads it') from None
    password = keyring.get_password(service, user)
    if password is None:
        raise _unavailable("keyring", name, "the keyring has no such entry")
    return password


def _unavailable(scheme: str, name: str, reason: str) -> SecretUnavailable:
    return SecretUnavailable(scheme=scheme, name=name, reason=reason)
