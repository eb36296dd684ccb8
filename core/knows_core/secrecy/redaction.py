"""The one place where secrets are taken out of texts: one redactor an engine, which knows what its runs looked up.

A known value is found as it is and in the forms that texts give it: base64 (either alphabet, wherever it begins among
other bytes), quoted for URLs, escaped for JSON, and as Python shows it. One cut in two, compressed or encrypted is not.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

SHORTEST: Final = 4  # characters: what is shorter stands in too many texts by chance
MASK: Final = "[secret]"
# What different programs leave as it is when they quote for a URL, besides letters and digits.
_UNQUOTED: Final = ("", "-._~", "/-._~", "-._~!'()*", "-._~!'()*;/?:@&=+$,#")
_PASSWORD: Final = re.compile(r"://([^\s/?#:@]*):(?!\*\*\*@)[^\s/?#]*@")


class Redactor:
    """Knows secrets and takes them out of texts. `known` tells whether there are any: where not, nothing is done.

    Any thread may use it. Values shorter than 4 characters are not searched.
    """

    __slots__ = ("_forms", "_lock", "known")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forms: tuple[str, ...] = ()
        self.known = False

    def learn(self, value: str) -> None:
        """Find this value in every text from now on."""
        if len(value.strip()) < SHORTEST or value in self._forms:
            return
        with self._lock:
            # A new tuple: another thread may be walking through the old one.
            self._forms = tuple({*self._forms, *_forms(value), *_forms(value.strip())})
            self.known = True

    def text(self, text: str) -> str:
        """The text with `[secret]` for every known value; what was taken out before stays as it is."""
        return MASK.join(map(self._without, text.split(MASK)))

    def _without(self, text: str) -> str:
        spans = sorted(span for form in self._forms if form in text for span in _found(form, text))
        if not spans:
            return text
        parts: list[str] = []
        shown_to = 0
        # Spans that overlap are one: two secrets may share characters, and no rest of either may stay.
        begin, end = spans[0]
        for one in spans[1:]:
            if one[0] < end:
                end = max(end, one[1])
                continue
            parts += (text[shown_to:begin], MASK)
            shown_to, (begin, end) = end, one
        return "".join((*parts, text[shown_to:begin], MASK, text[end:]))

    def error(self, text: str) -> str:
        """The text of an error, also without the passwords of URLs, known or not."""
        return without_passwords(self.text(text) if self.known else text)

    def holds(self, text: str) -> bool:
        """Whether a known value stands in the text."""
        return any(form in piece for piece in text.split(MASK) for form in self._forms)

    def begins_at(self, text: str) -> int:
        """Where the end of a text may be the beginning of a known value; its length where it is none."""
        return min((_begins_at(form, text) for form in self._forms), default=len(text))


class Passage:
    """Takes secrets out of a text that comes in pieces: what may be the beginning of one waits for the next piece."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._waiting = ""

    def pass_on(self, piece: str) -> str:
        """What can be shown now."""
        if not self._redactor.known:
            return piece
        # First the whole ones: the end of a secret may look like the beginning of another.
        text = self._redactor.text(self._waiting + piece)
        end = self._redactor.begins_at(text)
        self._waiting = text[end:]
        return text[:end]

    def rest(self) -> str:
        """What waits, when nothing follows."""
        rest, self._waiting = self._waiting, ""
        return rest


def without_passwords(text: str) -> str:
    """The text with `***` for the password of every URL (`scheme://user:password@`)."""
    return _PASSWORD.sub(r"://\1:***@", text) if "://" in text else text


def _found(form: str, text: str) -> Iterator[tuple[int, int]]:
    at = text.find(form)
    while at >= 0:
        yield at, at + len(form)
        at = text.find(form, at + 1)


def _begins_at(form: str, text: str) -> int:
    at = text.find(form[0], max(len(text) - len(form) + 1, 0))
    while at >= 0 and not form.startswith(text[at:]):
        at = text.find(form[0], at + 1)
    return at if at >= 0 else len(text)


# ------------------------------------------------------------------ the forms of a value


def _forms(value: str) -> set[str]:
    import json  # only runs with secrets pay for it

    octets = value.encode("utf-8", "surrogatepass")
    forms = {value, value.encode("utf-8", "backslashreplace").decode()}
    forms |= {*_base64(octets), *_quoted(octets), *_shown(value), repr(octets)[2:-1]}
    # Each of them as JSON has it, and that again: journals and answers are JSON, and so are many texts in them.
    for _ in range(2):
        forms |= {json.dumps(form, ensure_ascii=plain)[1:-1] for form in list(forms) for plain in (True, False)}
    return forms | {form.replace("/", r"\/") for form in forms if "/" in form}


def _base64(octets: bytes) -> Iterator[str]:
    import base64  # as above

    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(octets).decode()
        for before in range(3):
            # Without the characters that the neighbours have a part in.
            text = encode(bytes(before) + octets).decode()
            inner = text[(before * 8 + 5) // 6 : (before + len(octets)) * 8 // 6]
            if len(inner) >= SHORTEST:
                yield inner


def _quoted(octets: bytes) -> Iterator[str]:
    for unquoted in _UNQUOTED:
        for percent in ("%{:02X}", "%{:02x}"):
            text = "".join(chr(one) if _stays(one, unquoted) else percent.format(one) for one in octets)
            yield from (text, text.replace("%20", "+"))
    yield from ("".join(percent.format(one) for one in octets) for percent in ("%{:02X}", "%{:02x}"))


def _stays(octet: int, unquoted: str) -> bool:
    sign = chr(octet)
    return octet < 128 and (sign.isalnum() or sign in unquoted)  # noqa: PLR2004 - ASCII


def _shown(value: str) -> Iterator[str]:
    """As `repr` and `ascii` show it, whichever quotes stand around."""
    for shown in (repr(f'{value}"'), ascii(f'{value}"')):  # a quote of the other kind, and so one escape at most
        inner = shown[1:-2]
        yield from (inner, inner.replace(r"\'", "'"), inner.replace(r"\'", "'").replace("'", r"\'"))
    yield from (repr(value)[1:-1], ascii(value)[1:-1])
