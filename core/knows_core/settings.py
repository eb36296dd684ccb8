"""Settings from the environment, `knows.toml` and pyproject.toml: one of the two edges where core meets the world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    PyprojectTomlConfigSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from knows_core.errors import ConfigError
from knows_core.limits import Limits

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class WorkflowSettings(BaseSettings):
    """The settings of the workflow system.

    Each comes, the first that has it, from an argument, the variable `KNOWS_WORKFLOW_<NAME>`, `knows.toml`, or the
    table `[tool.knows]` of pyproject.toml in the current folder.
    """

    model_config = SettingsConfigDict(
        env_prefix="KNOWS_WORKFLOW_",
        toml_file="knows.toml",
        pyproject_toml_table_header=("tool", "knows"),
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=True,
    )

    state_persistence: bool = Field(
        default=True,
        description="Record runs in the state backend. In effect.",
    )
    state_ttl: NonNegativeInt = Field(
        default=3600,
        description="Seconds after its end from which `kwf purge` deletes a completed or cancelled run.",
    )
    max_retries: NonNegativeInt = Field(
        default=3,
        description="Retries that a `Retry` allows where it names no number. Without a `Retry` there are none.",
    )
    retry_delay: NonNegativeInt = Field(
        default=5,
        description="Seconds before the first retry where a `Retry` names no delay.",
    )
    max_concurrent_workflows: PositiveInt = Field(
        default=10,
        description="Runs that an engine drives at once, and threads in which `arun` calls sync steps.",
    )
    workflow_timeout: NonNegativeInt = Field(
        default=300,
        description="Seconds that a run may take while somebody drives it; 0: no limit.",
    )
    max_steps: PositiveInt = Field(
        default=10_000,
        description="Calls of steps that a run may make: a loop that does not end is stopped.",
    )
    max_record_bytes: PositiveInt = Field(
        default=16_000_000,
        description="Size of one record at most: what a step returned and changed, encoded.",
    )
    max_run_bytes: PositiveInt = Field(
        default=64_000_000,
        description="Size of the journal of one run at most.",
    )
    max_recoveries: PositiveInt = Field(
        default=10,
        description="Times that an interrupted run is taken up without a new record before it is stored as `stuck`.",
    )
    # Not in the representation: a backend's URL may hold a password.
    state_backend: str | None = Field(
        default=None,
        repr=False,
        description="URL of the place where runs are recorded; unset, `kwf` uses SQLite in the user's data folder.",
    )

    plugins: Literal["lock", "allow", "any"] | None = Field(
        default=None,
        description=(
            "What may be imported: what `knows.lock` names, what `kwf plugins allow` permitted, or any plugin. Unset:"
            " `lock` where there is a `knows.lock`, else `any`."
        ),
    )

    def limits(self) -> Limits:
        """The engine's limits."""
        return Limits(**self.model_dump(exclude={"state_backend", "plugins"}))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - a stray .env must not change what a run does
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Name the sources, the strongest first."""
        files = (TomlConfigSettingsSource(settings_cls), PyprojectTomlConfigSettingsSource(settings_cls))
        return (init_settings, env_settings, *files)


def load_settings() -> WorkflowSettings:
    """The settings of the current process and folder. Raises ConfigError naming the setting and the rule."""
    try:
        return WorkflowSettings()
    except ValidationError as error:
        sentence = "; ".join(
            map(_sentence, error.errors(include_input=False, include_context=False, include_url=False))
        )
    except Exception as error:  # a file that cannot be read, or a table that is none
        raise ConfigError(name="knows.toml or pyproject.toml", expected="TOML settings", found=str(error)) from error
    # Raised here: the chained error would carry the rejected value along.
    raise ConfigError(f"{sentence}. Correct it and try again")


def _sentence(error: ErrorDetails) -> str:
    name = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        known = ", ".join(WorkflowSettings.model_fields)
        return f"knows.toml or [tool.knows]: there is no setting {name} (there are {known})"
    variable = f"{WorkflowSettings.model_config.get('env_prefix')}{name.upper()}"
    return f"setting {name} ({variable}, knows.toml or [tool.knows]): {error['msg']}"
