"""The profile of what a person named: an installed version, a template in a file, or a profile kept in a JSON file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from knows_core import ConfigError, Requirement, TemplateNotFound
from knows_core.template import definition_of
from knows_registry.cli.reference import find
from knows_registry.contracts.released import ReleaseBroken, kept_profiles
from knows_registry.manifests.manifest import manifest_profile
from knows_registry.manifests.profile import profile_of

if TYPE_CHECKING:
    from knows_registry.manifests.profile import Profile
    from knows_registry.registry import Registry


def find_profile(registry: Registry, text: str) -> Profile:
    """Find the profile of `NAME@RANGE`, `FILE.py:object` or `FILE.json[:NAME@VERSION]`.

    An installed version that has a manifest is not imported. Raises RegistryError, ConfigError, or what a file raises.
    """
    path, _, wanted = text.partition(".json")
    if ".json" in text and (not wanted or wanted.startswith(":")):
        return _kept(Path(f"{path}.json"), wanted.removeprefix(":"))
    if ".py" in text:
        return profile_of(definition_of(find(registry, text).template))
    offer = registry.catalog.find(Requirement.parse(text))
    profile = manifest_profile(offer)
    return profile if profile is not None else profile_of(definition_of(registry.find(str(offer))))


def _kept(file: Path, wanted: str) -> Profile:
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise TemplateNotFound(requirement=str(file), found="there is no such file") from None
    except (OSError, UnicodeError) as error:
        raise ReleaseBroken(file=file, reason=str(error)) from error
    profiles = kept_profiles(text, file)
    chosen = [one for one in profiles if wanted in ("", f"{one.name}@{one.version}")]
    if len(chosen) != 1:
        named = ", ".join(f"{one.name}@{one.version}" for one in profiles) or "nothing"
        raise ConfigError(name="template", expected=f"FILE.json:NAME@VERSION ({named} are in it)", found=f"{file}")
    return chosen[0]
