"""The settings of Trailhouse. A setting comes from a flag, the environment, ``trailhouse.toml`` or a default.

The first of these sources that has a value is used. No other module reads settings of Trailhouse from the environment.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from trailhouse.errors import UsageError
from trailhouse.flows.prefect.full_disk import refuse_full_disk

CONFIGURATION_FILE = Path("trailhouse.toml")
ENVIRONMENT_PREFIX = "TRAILHOUSE_"
OWN_PREFECT_URL = "TRAILHOUSE_OWN_PREFECT_URL"
WATCHER = "TRAILHOUSE_WATCHER"  # the process of `trailhouse watch`; a poll ends with it
POLL_ARTIFACT = "watch-polls"


class Settings(BaseSettings):
    """All settings of Trailhouse, with their defaults."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        extra="forbid",
        frozen=True,
        toml_file=CONFIGURATION_FILE,
        validate_default=True,
    )

    warehouse_url: str | None = Field(
        default=None, description="URL of a ClickHouse server; if unset, the embedded server is started on demand"
    )
    warehouse_user: str = Field(default="", description="User at warehouse_url")
    warehouse_password: SecretStr = Field(default=SecretStr(""), description="Password at warehouse_url")
    cluster: str = Field(
        default="", description="ClickHouse cluster at warehouse_url that holds the tables; empty for a single server"
    )
    reader_user: str = Field(default="reader", description="Read-only user at warehouse_url")
    reader_password: SecretStr = Field(default=SecretStr(""), description="Password of reader_user")
    dashboards_user: str = Field(
        default="dashboards", description="User at warehouse_url who reads the marts only, for dashboards"
    )
    dashboards_password: SecretStr = Field(default=SecretStr(""), description="Password of dashboards_user")
    database: str = Field(default="trailhouse", min_length=1, description="Database of raw tables and marts")
    data_directory: Path = Field(default=Path("data"), description="Directory of the warehouse, suites and run history")
    figures_directory: Path = Field(default=Path("figures"), description="Directory that figures are written to")
    suites_directory: Path = Field(default=Path("suites"), description="Directory of your suite declarations (*.yaml)")
    hub_endpoint: str | None = Field(
        default=None, description="URL of the Hugging Face hub or a mirror; if unset, HF_ENDPOINT or huggingface.co"
    )
    device: str = Field(default="auto", description="auto, cpu, cuda or cuda:N")
    dtype: Literal["float32", "bfloat16", "float16"] = Field(
        default="float32",
        description="Type of the weights while scoring; float32 makes scores independent of batches",
    )
    checkpoint_cache_gib: float = Field(
        default=50.0, ge=0, description="Disk space for fetched checkpoints in GiB; the least recently used are deleted"
    )
    quanta_per_nat: Literal[10000, 1000, 0] = Field(
        default=10000,
        description="Rounding of stored log-probabilities: 1e-4 nats, 1e-3 nats, or 0 for lossless",
    )

    with_entropy: bool = Field(default=False, description="Keep the entropy of every predicted distribution")
    with_target_rank: bool = Field(default=False, description="Keep how many tokens were more probable than the target")
    with_next_word: bool = Field(
        default=False, description="Keep how probable it was after each token that a new word begins or the text ends"
    )
    is_compiled: bool = Field(default=False, description="Compile models with torch.compile before scoring")
    context_length: int | None = Field(
        default=None, ge=1, description="Maximum context in tokens; if unset, that of the training, within the limit"
    )
    stride: int | None = Field(
        default=None, ge=1, description="Tokens that each further window of a text scores; if unset, half the context"
    )
    verified_position_count: int = Field(
        default=4,
        ge=0,
        description="Number of random positions of each scored checkpoint that are scored a second time",
    )
    verified_option_count: int = Field(
        default=1, ge=0, description="Number of random options of each evaluated task that are scored a second time"
    )
    warehouse_memory_gib: float | None = Field(
        default=None, gt=0, description="Memory limit of the embedded server's queries in GiB; if unset, 60 % of RAM"
    )
    ngram_memory_gib: float = Field(
        default=4.0,
        gt=0,
        description="Memory of each query that counts or scores n-grams in GiB; beyond it, they spill",
    )
    superset_url: str | None = Field(
        default=None, description="URL of Superset; if unset, the local Superset is started on demand"
    )
    superset_user: str = Field(default="admin", description="Administrator at superset_url")
    superset_password: SecretStr = Field(default=SecretStr(""), description="Password of superset_user")
    superset_port: int = Field(default=8088, ge=0, le=65535, description="Port of the local Superset; 0 for a free one")
    superset_environment: Path = Field(
        default=Path(".venv-superset"), description="Virtual environment in which Superset is installed"
    )
    access_file: Path = Field(
        default=Path("access.yaml"), description="File that says which groups see which suites; if absent, all see all"
    )

    @field_validator("quanta_per_nat", mode="before")
    @classmethod
    def read_number(cls, value: object) -> object:
        """Convert text from an environment variable to a number."""
        return int(value) if isinstance(value, str) and value.isdecimal() else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # pydantic passes all four
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources of settings in order of precedence: flags, the environment, ``trailhouse.toml``."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def trained_directory(self) -> Path:
        """Directory of the checkpoints of models that Trailhouse trains itself."""
        return self.data_directory / "suites"

    @property
    def checkpoint_cache_directory(self) -> Path:
        """Directory of the checkpoints that were fetched from the hub. The total size of this directory is limited."""
        return self.data_directory / "cache" / "checkpoints"

    @property
    def checkpoint_cache_bytes(self) -> int:
        """Maximum size of all fetched checkpoints together."""
        return int(self.checkpoint_cache_gib * 2**30)

    @property
    def warehouse_memory_bytes(self) -> int | None:
        """Memory limit for all queries of the embedded server together; None for the server's default."""
        return None if self.warehouse_memory_gib is None else int(self.warehouse_memory_gib * 2**30)

    @property
    def ngram_memory_bytes(self) -> int:
        """Memory limit of each query that counts or scores n-grams."""
        return int(self.ngram_memory_gib * 2**30)

    @property
    def reports_directory(self) -> Path:
        """Directory of the reports on suites."""
        return self.data_directory / "reports"

    @property
    def superset_directory(self) -> Path:
        """Directory of the local Superset's secrets, metadata and cache."""
        return self.data_directory / "superset"

    @property
    def warehouse_directory(self) -> Path:
        """Data directory of the embedded server."""
        return self.data_directory / "warehouse"


@dataclass(frozen=True)
class SettingOrigin:
    """One setting, its printable value, and the source that the value comes from."""

    name: str
    value: str
    origin: str
    description: str


def load_settings(**flags: object) -> Settings:
    """Return the settings. ``flags`` come from the command line; a flag that is None counts as not given.

    Raises UsageError, which names the wrong setting and the source of its value.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]  # pydantic validates the values
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0])
        raise UsageError(
            f"setting {name} from {find_origin(name, given)}: {problem['msg']}",
            "see `trailhouse config show`",
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{CONFIGURATION_FILE} is not TOML: {error}", "mend the file") from error


def describe_settings(settings: Settings) -> list[SettingOrigin]:
    """Return every setting with its value and the source of the value. The values of secrets are hidden."""
    origins = []
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        shown = "" if value is None else str(value)
        origins.append(SettingOrigin(name, shown, find_origin(name, {}), field.description or ""))
    return origins


def find_origin(name: str, flags: dict[str, object]) -> str:
    """Return the source that the value of a setting comes from."""
    variable = f"{ENVIRONMENT_PREFIX}{name.upper()}"
    if name in flags:
        return f"flag --{name.replace('_', '-')}"
    if any(key.upper() == variable for key in os.environ):
        return f"environment {variable}"
    if CONFIGURATION_FILE.is_file() and name in tomllib.loads(CONFIGURATION_FILE.read_text(encoding="utf-8")):
        return f"file {CONFIGURATION_FILE}"
    return "default"


def inherited_environment() -> dict[str, str]:
    """Return the environment variables for a program that runs in another Python environment.

    Variables that configure Trailhouse, Superset, Prefect or Python are left out.
    """
    configuring = (ENVIRONMENT_PREFIX, "SUPERSET_", "FLASK_", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PREFECT_")
    return {name: value for name, value in os.environ.items() if not name.startswith(configuring)}


def prepare_prefect(settings: Settings) -> None:
    """Set Prefect's environment variables before a command runs a flow.

    If PREFECT_API_URL is not set, a Prefect server is started for this command.

    Raises UnreachableError if the server does not start.
    """
    set_prefect_defaults(settings)
    if read_prefect_url() is None:
        from trailhouse.flows.prefect.server import start_command_server

        server = start_command_server(settings)
        use_prefect_server(server.url, is_own=True)
        import prefect.main  # noqa: F401  # imported while the server starts, because both take long

        server.wait()


def set_prefect_defaults(settings: Settings) -> None:
    """Set environment variables, so that Prefect prints no messages, sends no telemetry and uses the data directory.

    This function must be called before Prefect is imported. Variables that the user has set stay unchanged.

    Raises UsageError if the data directory cannot be written, and UnreachableError if its disk is full.
    """
    home = (settings.data_directory / "prefect").resolve()
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"cannot make the directory {home}: {error.strerror}",
            "make room or get write access, or name another directory with --data-directory",
        ) from error
    refuse_full_disk(home)
    defaults = {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        # The command itself prints a failure as one line; Prefect's server keeps logs and tracebacks.
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        "PREFECT_CLI_PROMPT": "false",
        # Hides warnings of transformers about kernels that are not installed; scores do not depend on them.
        "TRANSFORMERS_VERBOSITY": "critical",
        # Seconds between heartbeats of a run. A run without heartbeats has died. A slow run still sends heartbeats.
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        # The server keeps leases of slots in files, so that slots of dead workers become free even after a restart.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def read_prefect_url() -> str | None:
    """Return the URL of the Prefect server that the environment names, or None."""
    return os.environ.get("PREFECT_API_URL")


def use_prefect_server(url: str, *, is_own: bool = False) -> None:
    """Make this process and its children report their runs to the Prefect server at ``url``.

    This function must be called before Prefect is imported. ``is_own`` is True if a command started the server for
    itself, so that no other host uses the server.
    """
    os.environ["PREFECT_API_URL"] = url
    if is_own:
        os.environ[OWN_PREFECT_URL] = url


def read_own_prefect_url() -> str | None:
    """Return the URL of the Prefect server that this command or its parent command started for itself, or None."""
    return os.environ.get(OWN_PREFECT_URL)


def read_watcher() -> str | None:
    """Return the process of `trailhouse watch` that runs this process as a poll, or None; see ``identify_process``."""
    return os.environ.get(WATCHER)


def name_watcher(identity: str) -> None:
    """Tell the polls that this process starts which process runs them."""
    os.environ[WATCHER] = identity


def hand_down(**flags: object) -> None:
    """Store the flags of this process in environment variables, so that its child processes have the same settings.

    A flag that is None counts as not given.
    """
    for name, value in flags.items():
        if value is not None:
            os.environ[f"{ENVIRONMENT_PREFIX}{name.upper()}"] = str(value)
