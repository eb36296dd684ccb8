"""One wheel has one digest wherever and by whatever it was installed, and files that changed since are named."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from knows_registry.permits.artifact import Artifact, artifact_of, damaged

INFO = "acme_etch-1.2.0.dist-info"
FILES = {
    "acme_etch/__init__.py": "etch = 1\n",
    "acme_etch/deep, with comma/note.txt": "note\n",
    "acme_etch-1.2.0.data/scripts/etch-now": "#!python\nprint(1)\n",
    "acme_etch-1.2.0.data/data/share/etch.txt": "shared\n",
    f"{INFO}/METADATA": "Metadata-Version: 2.1\nName: acme-etch\nVersion: 1.2.0\n",
    f"{INFO}/WHEEL": "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    f"{INFO}/entry_points.txt": "[console_scripts]\netch = acme_etch:etch\n",
}
WAYS = {
    "pip": [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"],
    "pip without bytecode": [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"],
    "uv": [str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet", "--python", sys.executable],
    "uv with bytecode": [
        *(str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet", "--compile-bytecode"),
        *("--python", sys.executable),
    ],
}


def row(name: str, text: str) -> str:
    digest = urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    quoted = f'"{name}"' if "," in name else name
    return f"{quoted},sha256={digest},{len(text)}\n"


def wheel(folder: Path, files: dict[str, str]) -> Path:
    """What a build back end makes."""
    made = folder / "acme_etch-1.2.0-py3-none-any.whl"
    record = "".join(row(*item) for item in files.items()) + f"{INFO}/RECORD,,\n"
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in {**files, f"{INFO}/RECORD": record}.items():
            archive.writestr(name, text)
    return made


def installed(way: list[str], made: Path, place: Path) -> str:
    """Install the wheel there as a person would; its metadata folder."""
    where = ["--prefix", str(place), "--no-index", "--no-deps", str(made)]
    subprocess.run([*way, *where], check=True, capture_output=True, timeout=120)
    (folder,) = place.rglob(INFO)
    return str(folder)


def test_a_wheel_has_one_digest_wherever_and_by_whatever_it_is_installed(tmp_path):
    """By pip and by uv, with bytecode and without, in two folders; another byte in it is another digest."""
    made = wheel(tmp_path, FILES)
    folders = {name: installed(way, made, tmp_path / name) for name, way in WAYS.items()}
    found = {artifact_of(folder) for folder in folders.values()}
    assert len(found) == 1
    (artifact,) = found
    assert (artifact.distribution, artifact.version, artifact.editable) == ("acme-etch", "1.2.0", False)
    assert artifact.digest.startswith("sha256:")
    assert len({Path(folder, "RECORD").read_bytes() for folder in folders.values()}) > 1, "the records differ"
    assert [damaged(folder) for folder in folders.values()] == [[]] * len(folders)
    (tmp_path / "other").mkdir()
    other = wheel(tmp_path / "other", FILES | {"acme_etch/__init__.py": "etch = 2\n"})
    assert artifact_of(installed(WAYS["uv"], other, tmp_path / "other")).digest != artifact.digest


@pytest.mark.parametrize("way", ["pip", "uv"])
def test_scripts_beside_the_modules_do_not_count_either(tmp_path, way):
    """An installation with --target puts what it makes for entry points into the site folder itself."""
    plain = {name: text for name, text in FILES.items() if ".data/" not in name}
    made = wheel(tmp_path, plain)
    place = tmp_path / "target"
    where = ["--target", str(place), "--no-index", "--no-deps", str(made)]
    subprocess.run([*WAYS[way], *where], check=True, capture_output=True, timeout=120)
    assert (place / "bin" / "etch").exists()
    folder = str(place / INFO)
    assert artifact_of(folder).digest == artifact_of(installed(WAYS["uv"], made, tmp_path / "prefix")).digest
    assert damaged(folder) == []


# ------------------------------------------------------------------ on the stage


@pytest.fixture
def folder(stage):
    """A distribution with two modules and its RECORD."""
    modules = {"m_a": "a = 1\n", "m_b": "b = 1\n"}
    return stage.install("acme-etch", "1.2.0", templates={"etch@1.2.0": "m_a:a"}, modules=modules, recorded=True)


@pytest.mark.parametrize("change", ["altered", "same size", "gone", "a folder"])
def test_a_file_that_is_not_as_recorded_is_named(stage, folder, change):
    """Longer, as long but different, missing, or no file at all; the digest stays that of the record."""
    digest = artifact_of(str(folder)).digest
    assert damaged(str(folder)) == []
    module = stage.site / "m_b.py"
    if change in ("altered", "same size"):
        module.write_text("b = 2\n" if change == "same size" else "b = 1; c = 2\n")
    else:
        module.unlink()
    if change == "a folder":
        module.mkdir()
    assert damaged(str(folder)) == ["m_b.py"]
    assert artifact_of(str(folder)).digest == digest


def test_what_the_installer_notes_does_not_count(stage, folder):
    """Bytecode, notes of the installer, files outside the site folder: neither for the digest nor as damage."""
    digest = artifact_of(str(folder)).digest
    notes = ("INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")
    rows = [f"{folder.name}/{note},sha256=AAAA,1" for note in notes]
    rows += ["__pycache__/m_a.cpython-311.pyc,,", "../../../bin/etch,sha256=AAAA,1", "/usr/bin/etch,sha256=AAAA,1"]
    with (folder / "RECORD").open("a") as record:
        record.write("\n".join(rows))
    assert artifact_of(str(folder)).digest == digest
    assert damaged(str(folder)) == []


@pytest.mark.parametrize("line", ["m_c.py,sha256=AAAA,1", "m_c.py,,", "m_c.pyc,,", "bin/etch,,", "x/INSTALLER,,"])
def test_every_other_row_counts(folder, line):
    """Also a row without a hash, a module without its source, and files that are called like those that do not."""
    digest = artifact_of(str(folder)).digest
    with (folder / "RECORD").open("a") as record:
        record.write(line + "\n")
    assert artifact_of(str(folder)).digest != digest
    assert damaged(str(folder)) == [line.partition(",")[0]]


def test_a_file_without_a_hash_is_read_for_the_digest(stage, folder):
    """Else it could be exchanged unnoticed."""
    (stage.site / "m_c.py").write_text("c = 1")
    with (folder / "RECORD").open("a") as record:
        record.write("m_c.py,,\n")
    digest = artifact_of(str(folder)).digest
    (stage.site / "m_c.py").write_text("c = 2")
    assert artifact_of(str(folder)).digest != digest


def test_a_hash_that_nobody_can_trust_is_damage(folder):
    """The specification wants sha256 or better."""
    record = folder / "RECORD"
    record.write_text(record.read_text().replace("m_b.py,sha256=", "m_b.py,md5="))
    assert damaged(str(folder)) == ["m_b.py"]


@pytest.mark.parametrize("text", ['"', "m_a.py\n", "m_a.py,sha256=A,1,more\n"])
def test_a_record_that_cannot_be_read_is_itself_the_damage(folder, text):
    """It has no digest then, so nothing that was locked equals it."""
    (folder / "RECORD").write_text(text)
    assert artifact_of(str(folder)) == Artifact("acme-etch", "1.2.0", "", editable=False)
    assert damaged(str(folder)) == [f"{folder.name}/RECORD"]


def test_without_a_record_there_is_nothing_to_compare(stage):
    """As some systems' own packages are: no digest, no damage."""
    folder = stage.install("acme-etch", "1.2.0")
    assert artifact_of(str(folder)) == Artifact("acme-etch", "1.2.0", "", editable=False)
    assert damaged(str(folder)) == []


def test_an_editable_installation_has_no_digest(folder):
    """The installer's note says so."""
    (folder / "direct_url.json").write_text('{"url": "file:///src", "dir_info": {"editable": true}}')
    assert artifact_of(str(folder)) == Artifact("acme-etch", "1.2.0", "", editable=True)
    (folder / "direct_url.json").write_text('{"url": "file:///src", "dir_info": {"editable": false}}')
    assert not artifact_of(str(folder)).editable
    (folder / "direct_url.json").write_text('{"editable"')
    assert artifact_of(str(folder)).editable


@pytest.mark.parametrize(
    "rows",
    [["_editable_impl_acme_etch.pth"], ["__editable__.acme_etch-1.2.0.pth", "__editable___acme_etch_finder.py"]],
)
def test_a_record_that_names_only_the_way_to_the_files_is_an_editable_one(stage, rows):
    """Also without a note; with a module beside it, it is not."""
    folder = stage.install("acme-etch", "1.2.0")
    record = folder / "RECORD"
    record.write_text("".join(f"{one},sha256=AAAA,1\n" for one in [*rows, f"{folder.name}/METADATA"]))
    assert artifact_of(str(folder)).editable
    record.write_text(record.read_text() + "m_a.py,sha256=AAAA,1\n")
    assert not artifact_of(str(folder)).editable
