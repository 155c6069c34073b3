"""One frozen settings object per process, from MOLFLEET_* variables and an optional env file."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

PREFIX = "MOLFLEET_"


class SettingsError(Exception):
    """A variable is unknown, malformed or out of bounds; the message names it and what is allowed."""


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(_Group):
    bootstrap: str = Field("127.0.0.1:9092", description="Brokers, host:port, separated by commas.")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How brokers are spoken to."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = Field(
        "PLAIN", description="SASL mechanism, where the protocol is SASL_*."
    )
    sasl_username: str | None = Field(None, description="SASL user.")
    sasl_password: SecretStr | None = Field(None, description="SASL password.")
    oauth_token_file: Path | None = Field(
        None, description="OAUTHBEARER: a file that holds the current token; read anew for each login."
    )
    ssl_ca_file: Path | None = Field(None, description="CA certificates (PEM); absent: the system's.")
    ssl_cert_file: Path | None = Field(None, description="Client certificate (PEM).")
    ssl_key_file: Path | None = Field(None, description="Client key (PEM).")
    ssl_key_password: SecretStr | None = Field(None, description="Password of the client key.")
    session_timeout_ms: int = Field(
        45_000, ge=1_000, le=1_800_000, description="A member silent for so long has left the group."
    )
    heartbeat_interval_ms: int = Field(3_000, ge=100, le=600_000, description="Group heartbeat.")
    max_poll_interval_ms: int = Field(
        300_000, ge=5_000, description="A member that does not poll for so long leaves the group."
    )
    request_timeout_ms: int = Field(40_000, ge=1_000, description="One request to a broker.")
    fetch_max_bytes: int = Field(
        52_428_800, ge=1_024, description="Bytes that one fetch may return over all partitions."
    )
    max_request_bytes: int = Field(
        2 << 20, ge=1_024, description="Largest record that is published (dead letters excepted)."
    )


class BlobSettings(_Group):
    url: str = Field(
        "file://./.local/blobs",
        description="file:///directory, s3://, or memory:// (one process only, for tests).",
    )
    max_input_bytes: int = Field(64 << 30, ge=1, description="Largest input file that a command may name.")
    max_model_bytes: int = Field(2 << 30, ge=1, description="Largest model that a command may name.")


class S3Settings(_Group):
    endpoint: str | None = Field(None, description="Endpoint of a store other than AWS.")
    path_style: bool = Field(False, description="Address buckets by path, as most other stores want.")
    region: str | None = Field(None, description="Region; absent: the standard chain's.")
    part_bytes: int = Field(
        16 << 20, ge=5 << 20, le=5 << 30, description="Part size of multipart transfers."
    )
    attempts: int = Field(6, ge=1, le=50, description="Tries of one request before the store is away.")


class WorkerSettings(_Group):
    name: str | None = Field(None, description="This worker's name; absent: host and process id.")
    slots: int = Field(1, ge=1, le=256, description="Heavy commands computed at once.")
    processes: int | None = Field(
        None, ge=1, description="Processes of one heavy command; absent: cores / slots."
    )
    memory_bytes: int | None = Field(
        None,
        ge=64 << 20,
        description="Resident bytes one heavy command's processes may use; absent: no limit.",
    )
    deadline_s: float = Field(
        86_400.0, gt=0, description="Seconds one heavy command may compute, each attempt anew."
    )
    record_time_limit_s: float = Field(5.0, gt=0, description="Seconds each step of one molecule may take.")
    split_records: int = Field(
        2_000_000, ge=1, description="A file of more records is shared out over the fleet."
    )
    part_records: int = Field(16_384, ge=1, le=1 << 24, description="Records of one share of such a file.")
    child_attempts: int = Field(3, ge=1, description="Tries of a command whose child process dies.")
    crash_limit: int = Field(
        10, ge=1, description="Deaths of whole workers on one command before it is given up."
    )
    grace_s: float = Field(25.0, ge=0, description="Seconds after SIGTERM in which work may finish.")
    lease_ttl_s: float | None = Field(
        None, gt=0, description="Life of a lease; absent: the session timeout, which is the maximum."
    )
    scratch: Path | None = Field(None, description="Where scratch directories go; absent: the system's.")
    http_port: int = Field(
        0, ge=0, le=65_535, description="Port of /healthz, /readyz and /metrics; 0: none."
    )
    http_host: str = Field("127.0.0.1", description="Address of that port; 0.0.0.0 in a container.")
    single_processes: int | None = Field(
        None, ge=1, description="Resident processes for light commands; absent: cores."
    )
    single_batch: int = Field(64, ge=1, le=10_000, description="Light commands in one micro-batch.")
    single_deadline_s: float = Field(
        30.0,
        gt=0,
        description="Seconds one batch of light commands may take, loading its models included.",
    )
    single_cache_bytes: int = Field(
        1 << 30, ge=1 << 20, description="Loaded models that all resident processes keep, in bytes."
    )
    retry_pause_s: float = Field(
        5.0, gt=0, description="Pause before a lane tries again what is away; doubles up to a minute."
    )


class BundleSettings(_Group):
    signing_key_file: Path | None = Field(
        None,
        description="Ed25519 private key (PEM) that trained models are signed with; for modelers alone.",
    )
    trusted_keys: Path | None = Field(
        None,
        description="Ed25519 public keys (PEM), a file or a directory of *.pem: a signed model must be "
        "signed with one of them; absent: signatures are not looked at.",
    )
    require_signature: bool = Field(False, description="Whether models without a signature are refused.")


class LogSettings(_Group):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level.")
    format: Literal["json", "console"] = Field("json", description="JSON lines, or text for people.")


class Settings(_Group):
    """All settings. Variable = MOLFLEET_ + group + _ + name, in upper case."""

    kafka: KafkaSettings = KafkaSettings()
    blobs: BlobSettings = BlobSettings()
    s3: S3Settings = S3Settings()
    worker: WorkerSettings = WorkerSettings()
    bundles: BundleSettings = BundleSettings()
    log: LogSettings = LogSettings()
    output_bucket: str = Field("molfleet-outputs", description="Bucket of outputs, where none is named.")
    state_bucket: str = Field("molfleet-state", description="The fleet's own bucket; no command names it.")
    topic_prefix: str = Field(
        "", pattern=r"^[a-zA-Z0-9._-]*$", description="Put before topics, groups and state keys."
    )
    schema_registry_url: str | None = Field(
        None, description="Confluent-compatible registry; absent: single-object encoding."
    )
    schema_registry_auth: SecretStr | None = Field(None, description="user:password of the registry.")
    schema_registry_register: bool = Field(
        False, description="Register schemas that the registry lacks (molfleet topics apply)."
    )

    @model_validator(mode="after")
    def _lease_fits_session(self) -> Settings:
        session_s = self.kafka.session_timeout_ms / 1000
        if self.worker.lease_ttl_s is not None and self.worker.lease_ttl_s > session_s:
            raise ValueError(
                f"worker.lease_ttl_s ({self.worker.lease_ttl_s:g}) must be at most "
                f"kafka.session_timeout_ms ({session_s:g} s)"
            )
        return self

    @model_validator(mode="after")
    def _signatures_can_be_verified(self) -> Settings:
        if self.bundles.require_signature and self.bundles.trusted_keys is None:
            raise ValueError(
                "MOLFLEET_BUNDLES_REQUIRE_SIGNATURE needs MOLFLEET_BUNDLES_TRUSTED_KEYS: whose they may be"
            )
        return self

    @property
    def lease_ttl_s(self) -> float:
        return self.worker.lease_ttl_s or self.kafka.session_timeout_ms / 1000

    @property
    def cores(self) -> int:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    @property
    def processes_per_command(self) -> int:
        return self.worker.processes or max(1, self.cores // self.worker.slots)


def variables() -> Iterator[tuple[str, str, Any, str]]:
    """(variable, path like kafka.bootstrap, default, description) of every setting."""
    for name, info in Settings.model_fields.items():
        group = info.annotation
        if isinstance(group, type) and issubclass(group, _Group):
            for inner, field in group.model_fields.items():
                path = f"{name}.{inner}"
                variable = f"{PREFIX}{name}_{inner}".upper()
                yield variable, path, field.default, field.description or ""
        else:
            yield f"{PREFIX}{name}".upper(), name, info.default, info.description or ""


def load(environ: Mapping[str, str] | None = None, env_file: Path | None = None) -> Settings:
    """Settings from `environ` (default: the process's), over those of `env_file`.

    Raises SettingsError that names every variable at fault, and the nearest known one.
    """
    found = dict(_read_env_file(env_file)) if env_file else {}
    found.update(os.environ if environ is None else environ)
    found.pop(PREFIX + "ENV_FILE", None)
    paths = {variable: path for variable, path, _, _ in variables()}
    values: dict[str, Any] = {}
    for variable, text in found.items():
        if not variable.startswith(PREFIX):
            continue
        if variable not in paths:
            near = difflib.get_close_matches(variable, paths, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise SettingsError(f"{variable} is not a setting of molfleet{hint}")
        if text == "":
            continue
        group, _, inner = paths[variable].partition(".")
        if inner:
            values.setdefault(group, {})[inner] = text
        else:
            values[group] = text
    try:
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError(_explain(error, paths)) from None


def _explain(error: ValidationError, paths: Mapping[str, str]) -> str:
    by_path = {path: variable for variable, path in paths.items()}
    lines = []
    for fault in error.errors():
        path = ".".join(str(part) for part in fault["loc"])
        name = by_path.get(path, path)
        lines.append(f"{name}: {fault['msg']}" if name else fault["msg"])
    return "; ".join(lines)


def _read_env_file(path: Path) -> Iterable[tuple[str, str]]:
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        text = line.strip().removeprefix("export ").strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals:
            raise SettingsError(f"{path}, line {number}: expected NAME=value")
        yield name.strip(), value.strip().strip("'\"")
