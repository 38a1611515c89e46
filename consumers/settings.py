"""What a worker may be told, from its command line and its environment.

| environment | argument | default |
| --- | --- | --- |
| WORKER_NAME | --name | the host's name |
| CONCURRENCY | --concurrency | 4 |
| REDIS_URL | --redis-url | redis://127.0.0.1:6379 |
| CACHE_URL | | REDIS_URL |
| LOG_LEVEL | --log-level | info |
| MILLSTREAM_WORKER_QUEUE | --queue | the system's name |
| MILLSTREAM_WORKER_LEASE_MS | | 10000 |
| MILLSTREAM_WORKER_GRACE_MS | --grace-ms | 25000 |
| MILLSTREAM_WORKER_METRICS_PORT | --metrics-port | none |
| MILLSTREAM_WORKER_METRICS_HOST | | 127.0.0.1 |
| MILLSTREAM_WORKER_REQUIRE_AOF | | yes |
| MILLSTREAM_WORKER_PROCESSES | --processes | 1 |
| MILLSTREAM_WORKER_SUPERVISE | --supervise | no |
| MILLSTREAM_WORKER_CHILDREN | | CONCURRENCY, at most the cores |
| MILLSTREAM_WORKER_CHILD_MEMORY_MB | | 2048 |
| MILLSTREAM_WORKER_CHILD_JOBS | | 100 |
| MILLSTREAM_WORKER_RETRIES_PER_S | | 10.0 |
| MILLSTREAM_WORKER_BREAKER | | yes |
| MILLSTREAM_WORKER_ENDED_TTL_MS | | 600000 |
| MILLSTREAM_WORKER_DEAD_TTL_MS | | 2592000000 |
| MILLSTREAM_FAIL | | none |
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from consumers.brakerules import BrakeRules
from consumers.breaker import BreakerRules
from consumers.budget import BudgetRules
from consumers.failpoints import Fate
from streams.errors import SettingsError
from streams.workers import hostname

PREFIX = "MILLSTREAM_WORKER_"

#: So many seconds of retries come back as they are before the budget makes any wait.
BURST_S = 10.0

#: Environment variable to field.
ENVIRONMENT: Mapping[str, str] = {
    "WORKER_NAME": "name",
    "CONCURRENCY": "concurrency",
    "REDIS_URL": "redis_url",
    "CACHE_URL": "cache_url",
    "LOG_LEVEL": "log_level",
    f"{PREFIX}QUEUE": "queue",
    f"{PREFIX}LEASE_MS": "lease_ms",
    f"{PREFIX}GRACE_MS": "grace_ms",
    f"{PREFIX}METRICS_PORT": "metrics_port",
    f"{PREFIX}METRICS_HOST": "metrics_host",
    f"{PREFIX}REQUIRE_AOF": "require_aof",
    f"{PREFIX}PROCESSES": "processes",
    f"{PREFIX}SUPERVISE": "supervise",
    f"{PREFIX}CHILDREN": "children",
    f"{PREFIX}CHILD_MEMORY_MB": "child_memory_mb",
    f"{PREFIX}CHILD_JOBS": "child_jobs_max",
    f"{PREFIX}RETRIES_PER_S": "retries_per_s",
    f"{PREFIX}BREAKER": "breaker",
    f"{PREFIX}ENDED_TTL_MS": "ended_ttl_ms",
    f"{PREFIX}DEAD_TTL_MS": "dead_ttl_ms",
    "MILLSTREAM_FAIL": "fail",
}

#: What other programs call these levels.
_LEVELS = {"trace": "debug", "warn": "warning", "fatal": "critical"}

_NAME = re.compile(r"[^A-Za-z0-9_.-]+")


def _fate(value: object) -> object:
    return Fate.parse(value) if isinstance(value, str) else value


class WorkerSettings(BaseModel):
    """Everything that a worker is told; frozen and checked as a whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    queue: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
    name: Annotated[str, Field(min_length=1, max_length=64)] = Field(
        default_factory=lambda: _NAME.sub("-", hostname())
    )
    concurrency: Annotated[int, Field(ge=1, le=1000)] = 4
    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379")
    cache_url: SecretStr | None = None
    log_level: Annotated[str, Field(pattern=r"^(debug|info|warning|error|critical)$")] = "info"
    lease_ms: Annotated[int, Field(ge=1000, le=3_600_000)] = 10_000
    grace_ms: Annotated[int, Field(ge=0, le=3_600_000)] = 25_000
    metrics_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    metrics_host: str = "127.0.0.1"
    require_aof: bool = True
    processes: Annotated[int, Field(ge=1, le=256)] = 1
    supervise: bool = False
    retries_per_s: Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)] = 10.0
    breaker: bool = True
    fail: Annotated[Fate | None, BeforeValidator(_fate)] = None
    children: Annotated[int, Field(ge=1, le=1000)] | None = None
    child_memory_mb: Annotated[int, Field(ge=128, le=1024 * 1024)] = 2048
    child_jobs_max: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    ended_ttl_ms: Annotated[int, Field(ge=1000)] = 600_000
    dead_ttl_ms: Annotated[int, Field(ge=1000)] = 30 * 86_400_000

    @property
    def brakes(self) -> BrakeRules:
        """What slows this worker down when its jobs fail; a burst is ten seconds of retries."""
        rate = self.retries_per_s
        budget = BudgetRules(per_s=rate, burst=max(1.0, rate * BURST_S)) if rate else None
        return BrakeRules(BreakerRules() if self.breaker else None, budget)

    @property
    def renew_ms(self) -> int:
        """Between two renewals: five chances a lease."""
        return self.lease_ms // 5

    @property
    def self_fence_ms(self) -> int:
        """Without a renewal for so long, the worker stops its own handlers."""
        return self.lease_ms * 8 // 10

    @property
    def is_supervised(self) -> bool:
        """True where a parent process watches over the workers."""
        return self.supervise or self.processes > 1

    def of_process(self, name: str, metrics_host: str) -> dict[str, str]:
        """These settings as the environment of one worker process, called *name*.

        Its metrics, where there are to be any, are served on a free port of *metrics_host*.
        """
        own: dict[str, Any] = {
            "name": name,
            "processes": 1,
            "supervise": False,
            "metrics_host": metrics_host,
            "metrics_port": None if self.metrics_port is None else 0,
        }
        values = {field: own.get(field, getattr(self, field)) for field in ENVIRONMENT.values()}
        return {
            variable: _written(values[field])
            for variable, field in ENVIRONMENT.items()
            if isinstance(values[field], str | int | float | SecretStr)
        }


def _written(value: str | float | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def worker_settings(
    environment: Mapping[str, str],
    arguments: Mapping[str, Any],
    *,
    queue: str,
    variables: Mapping[str, str] = MappingProxyType({}),
    defaults: Mapping[str, Any] = MappingProxyType({}),
) -> WorkerSettings:
    """Settings from *arguments* (those that are not None), then *environment*, then defaults.

    *variables* are further environment variables and the fields that they set, of a system
    whose users know the settings by names of their own; they win over the general ones.
    *defaults* are that system's.

    Raises:
        SettingsError: a value is wrong, or a variable with our prefix is unknown; lists
            every reason.
    """
    unknown = [name for name in environment if name.startswith(PREFIX) and name not in ENVIRONMENT]
    if unknown:
        raise SettingsError("\n".join(_unknown_line(name) for name in sorted(unknown)))
    said = {
        field: name
        for name, field in (*ENVIRONMENT.items(), *variables.items())
        if environment.get(name)
    }
    values: dict[str, Any] = {"queue": queue, **defaults}
    values |= {field: environment[name] for field, name in said.items()}
    values |= {field: value for field, value in arguments.items() if value is not None}
    if isinstance(level := values.get("log_level"), str):
        values["log_level"] = _LEVELS.get(level.lower(), level.lower())
    try:
        return WorkerSettings.model_validate(values)
    except ValidationError as error:
        names = {field: name for name, field in ENVIRONMENT.items()} | said
        raise SettingsError(
            "\n".join(
                f"{names.get(str(each['loc'][0]), each['loc'][0])}: {each['msg']}, "
                f"got {_shown(each['input'])}"
                for each in error.errors()
            )
        ) from error


def _unknown_line(name: str) -> str:
    near = get_close_matches(name, ENVIRONMENT, n=1)
    hint = f": did you mean {near[0]}?" if near else f": known are {', '.join(sorted(ENVIRONMENT))}"
    return f"there is no setting {name}{hint}"


def _shown(value: Any) -> str:
    return repr(value)[:80] if not isinstance(value, SecretStr) else "***"
