"""Secrets of files and of the keyring, through the registry's engine; and what `kwf` shows while steps have them."""

from __future__ import annotations

import io
import logging
import sys

import keyring
import keyring.backend
import pytest

from knows_core import KnowsError, SecretUnavailable, WorkflowSettings, logs, pipeline, step
from knows_core.secrecy.redaction import Redactor
from knows_registry import Registry
from knows_registry.cli.answer import Answers
from knows_registry.cli.streams import show_complaints, veil
from knows_registry.secret_places import LARGEST, from_file, from_keyring

VALUE = "op3n-sesame"


def looked_up(reference):
    """What a step on an engine of the registry gets."""
    seen: list[str] = []
    template = pipeline(
        [step(lambda context: seen.append(context.secret(reference)), name="s")], name="t", version="1.0"
    )
    with Registry().engine(WorkflowSettings(state_persistence=False)) as engine:
        run = engine.run(template)
    if run.error is not None:
        raise KnowsError(run.error["message"])
    return seen[0]


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"op3n-sesame", VALUE),
        (b"op3n-sesame\n", VALUE),
        (b"op3n-sesame\r\n", VALUE),
        (b"op3n-sesame\n\n", f"{VALUE}\n"),
        (b"two\nlines\n", "two\nlines"),
        (b"x" * LARGEST, "x" * LARGEST),
    ],
)
def test_a_file_holds_one_secret(octets, text, tmp_path):
    """All of its text, without one line end at its end: a key has several lines."""
    (tmp_path / "token").write_bytes(octets)
    assert looked_up(f"secret:file:{tmp_path / 'token'}") == text


@pytest.mark.parametrize(
    ("name", "octets", "reason"),
    [
        ("token", None, "there is no such file"),
        ("token", b"x" * (LARGEST + 1), "has more than 64000 bytes"),
        ("token", b"\xff\xfe", "is no UTF-8 text"),
        ("token", b"\n", "gave an empty text"),
        (".", None, "cannot be read (IsADirectoryError)"),
        ("a\0b", None, "cannot be read (ValueError)"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(name, octets, reason, tmp_path):
    """The step fails with the place and the reason, and with nothing of what the file holds."""
    if octets is not None:
        (tmp_path / name).write_bytes(octets)
    with pytest.raises(KnowsError) as caught:
        looked_up(f"file:{tmp_path / name}")
    assert reason in str(caught.value)


def test_a_file_is_found_from_home(own_home):
    """`~` is the home of whoever runs."""
    (own_home / "token").write_text(VALUE)
    assert from_file("~/token") == VALUE


class Ring(keyring.backend.KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def get_password(self, service: str, username: str) -> str | None:
        return VALUE if (service, username) == ("https://lab/api", "me") else None

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep nothing."""


def test_the_keyring_is_asked_for_a_user_of_a_service(monkeypatch):
    """The last slash parts them; an entry that is missing and a name that is none are told."""
    before = keyring.get_keyring()
    keyring.set_keyring(Ring())
    try:
        assert looked_up("secret:keyring:https://lab/api/me") == VALUE
        for name, reason in (("lab/me", "has no such entry"), ("me", "expected SERVICE/USER")):
            with pytest.raises(SecretUnavailable, match=reason):
                from_keyring(name)
    finally:
        keyring.set_keyring(before)
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(SecretUnavailable, match=r'pip install "knows-registry\[keyring\]"'):
        from_keyring("lab/me")


def test_the_keyring_is_imported_only_when_it_is_asked(stage):
    """It looks for the operating system's own when it is imported."""
    code = "import sys, knows_registry; knows_registry.Registry().plugins; print('keyring' in sys.modules)"
    assert stage.python(code).stdout == "False\n"


# ------------------------------------------------------------------ the streams of kwf


def test_both_streams_are_veiled_for_text_and_bytes(monkeypatch):
    """What is printed in pieces waits until it is known to be none; flushing shows what waits."""
    out, err, redactor = io.BytesIO(), io.BytesIO(), Redactor()
    for name, stream in (("stdout", out), ("stderr", err)):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(stream, "utf-8", write_through=True))
    veil(redactor)
    sys.stdout.write(f"{VALUE} before anybody looked it up\n")
    redactor.learn(VALUE)
    print("a", VALUE[:4], end="")
    assert out.getvalue().endswith(b"up\na ")
    print(f"{VALUE[4:]} b op3", end="")
    sys.stdout.flush()
    sys.stdout.buffer.write(VALUE.encode() + b"\xff")
    sys.stderr.writelines([VALUE, "\n"])
    assert out.getvalue().endswith(b"up\na [secret] b op3[secret]\xff")
    assert err.getvalue() == b"[secret]\n"
    assert sys.stdout.encoding == "utf-8"


def test_an_absent_stream_stays_absent(monkeypatch):
    """A program without stderr has none afterwards."""
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    veil(Redactor())
    assert sys.stderr is None
    assert not hasattr(sys.stdout, "buffer")


def test_json_stays_json_when_a_secret_is_taken_out_of_it(monkeypatch):
    """Values and keys are cleared before they are escaped: a secret that begins like an escape breaks nothing."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    answers, redactor = Answers(stream, command="run", json=True), Redactor()
    redactor.learn("nabc")
    answers.hide(redactor)
    answers.object({"a": ["\nabc", "nabc"], "nabc": 1})
    assert stream.getvalue() == '{\n  "a": [\n    "\\nabc",\n    "[secret]"\n  ],\n  "[secret]": 1\n}\n'


def test_a_person_sees_complaints_and_not_the_log_of_runs(monkeypatch, capsys):
    """Where the program has no logging of its own; with one, that shows them."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(logging.getLogger(logs.COMPLAINTS), "handlers", [])
    show_complaints()
    show_complaints()
    logs.complaints().warning("look here")
    logging.getLogger(logs.RUNS).warning("run r: StepFailed s")
    assert capsys.readouterr().err == "look here\n"
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.NullHandler()])
    logs.complaints().warning("look here")
    assert capsys.readouterr().err == ""
