"""Under a lock the code decides what a template is, wherever nothing vouches for what a manifest tells of it."""

from __future__ import annotations

import pytest

from knows_core import pipeline, step
from knows_core.describing.digests import digest_of
from knows_registry.manifests.manifest_place import file_name
from knows_registry.manifests.manifest_text import Manifest, text_of
from knows_registry.manifests.profile import profile_of

ETCH = """
from knows_core import pipeline, step, use
@step
def work(lot: int) -> str: return "etched"
@step
def rinse(value: str) -> str: return "rinsed"
etch = pipeline(work, name="etch", version="1.0.0")
"""
EDITED = ETCH.replace("lot: int", "lot: str").replace("pipeline(work", "pipeline(work | rinse")


@step
def work(lot: int) -> str:
    return "etched"


HONEST = profile_of(pipeline(work, name="etch", version="1.0.0").definition)


@pytest.fixture
def etched(factory):
    """Etch 1.0.0 with a manifest, from a wheel or, where its note says so, from an editable installation."""

    def install(*, editable=False, profile=HONEST):
        factory.stage.install("acme-etch", templates={"etch@1.0.0": "acme_etch:etch"})
        folder, package = factory.site / "acme_etch-1.0.0.dist-info", factory.site / "acme_etch"
        package.mkdir()
        (package / "__init__.py").write_text(ETCH)
        manifest = text_of(Manifest("acme-etch", (profile,)))
        (package / file_name("acme-etch")).write_text(manifest)
        files = [folder / "METADATA", folder / "entry_points.txt", *package.iterdir()]
        if editable:
            (folder / "direct_url.json").write_text('{"url": "file:///src", "dir_info": {"editable": true}}')
            files = files[:2]
        (folder / "RECORD").write_text("".join(map(factory.stage.row_of_record, files)))
        return package / "__init__.py"

    return install


def test_an_edited_editable_template_makes_its_lock_stale(factory, etched):
    """Its manifest was not built anew, so the code alone tells; and `kwf lock` takes in what it tells."""
    source = etched(editable=True)
    assert factory.kwf("lock", "etch").returncode == 0
    assert factory.run("etch", "--locked", "--input", "1")[1]["result"] == "etched"
    source.write_text(EDITED)
    done = factory.kwf("lock", "--check")
    assert (done.returncode, "etch 1.0.0 (acme-etch 1.0.0): contract, shape changed" in done.stdout) == (3, True)
    code, answer = factory.run("etch", "--locked")
    assert (code, answer["run"], answer["error"]["code"]) == (3, None, "lock-stale")
    assert factory.kwf("lock").returncode == 0
    assert factory.kwf("lock", "--check").returncode == 0
    assert factory.run("etch", "--locked", "--input", '"a"')[1]["result"] == "rinsed"


def test_what_edited_code_uses_is_locked_although_its_manifest_does_not_know(factory, etched):
    """Also where nothing told of it but the code of an editable installation."""
    factory.pump("1.2.0")
    source = etched(editable=True)
    source.write_text(ETCH.replace("pipeline(work", 'pipeline(work | use("pump", "^1")'))
    assert factory.kwf("lock", "etch").returncode == 0
    assert factory.versions == {"etch": "1.0.0", "pump": "1.2.0"}
    assert factory.kwf("lock", "--check").returncode == 0
    assert factory.run("etch", "--locked", "--input", "1")[1]["result"] == "pump 1.2.0"


def lying(**changes):
    """The profile of etch with something else in it, and the digests that agree with that."""
    other = HONEST._replace(**changes)
    return other._replace(contract_digest=digest_of(other.contract), shape_digest=digest_of(other.shape))


@pytest.mark.parametrize(
    ("profile", "told"),
    [
        (lying(shape=[*HONEST.shape, ["step", "rinse"]]), "another shape"),
        (lying(contract={**HONEST.contract, "errors": ["acme:Burnt"]}), "another contract"),
        (
            lying(shape=[], contract={**HONEST.contract, "errors": ["acme:Burnt"]}),
            "another contract and another shape",
        ),
    ],
)
def test_a_manifest_that_tells_otherwise_than_the_code_keeps_it_from_running(factory, etched, profile, told):
    """Exit code 3 before anything runs, and the one who can mend it is named: locking anew would not help."""
    etched(profile=profile)
    assert factory.kwf("lock", "etch").returncode == 0
    code, answer = factory.run("etch", "--locked")
    assert (code, answer["run"], answer["error"]["code"]) == (3, None, "manifest-broken")
    assert f"tells {told} of etch@1.0.0 than its code has" in answer["error"]["message"]
    assert answer["next"] == "`kwf manifest build` in its project writes it anew; or reinstall acme-etch."


def test_parts_are_compared_as_what_is_asked_for_is(factory, etched):
    """The lie of a template that is only used is found as well."""
    etched(profile=lying(shape=[]))
    factory.stage.install(
        "knows-plant",
        templates={"plant@1.0.0": "plant_module:plant"},
        modules={
            "plant_module": "from knows_core import pipeline, use\n"
            "plant = pipeline(use('etch'), name='plant', version='1.0.0')\n"
        },
        recorded=True,
    )
    assert factory.kwf("lock", "plant").returncode == 0
    code, answer = factory.run("plant", "--locked")
    assert (code, answer["error"]["code"]) == (3, "manifest-broken")


def test_code_that_is_another_wherever_it_is_imported_is_refused(factory):
    """Without a manifest the lock holds what the code was once; the same files may tell something else elsewhere."""
    module = """
import os
from knows_core import pipeline, step
@step
def hot() -> str: return "hot"
@step
def cold() -> str: return "cold"
bath = pipeline(hot if os.path.exists("hot") else cold, name="bath", version="1.0.0")
"""
    entry = {"bath@1.0.0": "bath_module:bath"}
    factory.stage.install("acme-bath", templates=entry, modules={"bath_module": module}, recorded=True)
    assert factory.kwf("lock", "bath").returncode == 0
    assert factory.run("bath", "--locked")[1]["result"] == "cold"
    (factory.site / "hot").touch()
    code, answer = factory.run("bath", "--locked")
    assert (code, answer["run"], answer["error"]["code"]) == (3, None, "lock-stale")
    assert "bath 1.0.0 (acme-bath 1.0.0): shape changed" in answer["error"]["message"]
