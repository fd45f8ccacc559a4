"""All configuration, one typed tree.

Sources, later wins: defaults, `bascule.toml` (in the working folder, or the file that `BASCULE_CONFIG` names),
`BASCULE_*` in the environment, flags. Unknown keys are refused with a suggestion. Only `wiring` and `cli` read this;
rooms are given small frozen options.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from bascule.kernel.errors import InputError
from bascule.records.base import faults_of


class ScanSettings(BaseModel):
    """`[scan]`: what the workers over untrusted bytes may use."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    workers: int = Field(default=2, ge=1, le=64)
    """worker processes"""
    seconds_per_file: float = Field(default=300.0, gt=0)
    """wall time that one scanner may spend on one file"""
    memory_mb: int = Field(default=1024, ge=128)
    """address space of one worker, beyond what the interpreter maps"""


class IntakeSettings(BaseModel):
    """`[intake]`: what is taken in at most."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    max_files: int = Field(default=100_000, ge=1)
    """files in one subject"""
    max_unpacked_gb: float = Field(default=200.0, gt=0)
    """bytes that an archive may unpack to"""
    max_ratio: float = Field(default=200.0, gt=1)
    """unpacked over packed size, above which an archive counts as a bomb"""


class AdvisoriesSettings(BaseModel):
    """`[advisories]`: what is held about packages' faults."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    fresh_days: int = Field(default=30, ge=0)
    """age of the newest record above which no advisory's silence reassures"""


class Settings(BaseSettings):
    """The tree. Each field is also `BASCULE_<NAME>`, nested ones `BASCULE_SCAN__WORKERS`."""

    model_config = SettingsConfigDict(
        env_prefix="BASCULE_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    home: Path = Field(default_factory=lambda: Path.home() / ".bascule")
    """where ledger, blobs and keys live"""
    database_url: str | None = None
    """SQLAlchemy URL of the ledger; SQLite under `home` when empty"""
    policy: str = "default"
    """id of a policy pack, or the path of a pack's folder"""
    context: Path | None = None
    """a `context.yaml`"""
    peers: Path | None = None
    """folder of virtual environments, one for each scanner that `--explain-against` may ask"""
    scan: ScanSettings = ScanSettings()
    intake: IntakeSettings = IntakeSettings()
    advisories: AdvisoriesSettings = AdvisoriesSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic-settings calls by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file())


def config_file() -> Path:
    """The file that `BASCULE_CONFIG` names, or `bascule.toml` in the working folder."""
    return Path(os.environ.get("BASCULE_CONFIG") or "bascule.toml")


def load_settings(**flags: Any) -> Settings:
    """Read the tree; flags that are None count as not given.

    Raises InputError `settings.invalid` with every fault, or `settings.unreadable`.
    """
    path = config_file()
    if os.environ.get("BASCULE_CONFIG") and not path.is_file():
        raise InputError(
            "settings.unreadable",
            f"BASCULE_CONFIG names `{path}`, which is not a file",
            "create it, or unset BASCULE_CONFIG",
        )
    try:
        return Settings(**{key: value for key, value in flags.items() if value is not None})
    except ValidationError as error:
        raise InputError.from_faults(
            "settings.invalid",
            f"the configuration is not valid (`{path}`, BASCULE_*)",
            faults_of(Settings, error),
            "mend or remove the keys named",
        ) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            "settings.unreadable",
            f"`{path}` cannot be read: {error}",
            "mend the file, or point BASCULE_CONFIG elsewhere",
        ) from error
