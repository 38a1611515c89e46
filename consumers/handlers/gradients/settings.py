"""Where the pictures lie, and how often a job is tried."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from consumers.handlers.gradients.errors import GradientSettingsError
from consumers.variables import Variables

#: Names with these starts are ours alone, so an unknown one is a mistake.
PREFIXES: Final = ("GRADIENT_", "MILLSTREAM_GRADIENTS_")

#: Environment variable to field.
VARIABLES: Final[Mapping[str, str]] = {
    "S3_ENDPOINT": "s3_endpoint",
    "S3_ACCESS_KEY": "s3_access_key",
    "S3_SECRET_KEY": "s3_secret_key",
    "MASTER_BUCKET_NAME": "bucket",
    "S3_REGION": "s3_region",
    "MILLSTREAM_GRADIENTS_DIR": "pictures_dir",
    "GRADIENT_WORKER_CONCURRENCY": "concurrency",
    "GRADIENT_JOB_MAX_RETRIES": "retries_max",
    "GRADIENT_WORKER_POLL_INTERVAL_MS": "poll_interval_ms",
}

_OF_S3: Final = ("s3_endpoint", "s3_access_key", "s3_secret_key", "bucket")


class GradientSettings(BaseModel):
    """All that the gradient system reads from the environment, checked as a whole.

    Attributes:
        pictures_dir: the directory of the pictures, where they are not in S3.
        concurrency: jobs at a time; the worker itself heeds it.
        retries_max: tries after the first.
        poll_interval_ms: checked, and used for nothing: jobs are waited for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    s3_endpoint: Annotated[str, Field(pattern=r"^https?://[^\s/]")] | None = None
    s3_access_key: SecretStr | None = None
    s3_secret_key: SecretStr | None = None
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")] | None = None
    s3_region: str = "us-east-1"
    pictures_dir: Path | None = None
    concurrency: Annotated[int, Field(ge=1, le=1000)] = 2
    retries_max: Annotated[int, Field(ge=0, le=999)] = 3
    poll_interval_ms: Annotated[int, Field(ge=100)] = 1000

    @model_validator(mode="after")
    def _names_a_place(self) -> Self:
        if self.pictures_dir is None:
            names = {field: name for name, field in VARIABLES.items()}
            missing = [names[field] for field in _OF_S3 if getattr(self, field) is None]
            if missing:
                raise ValueError(
                    f"{', '.join(missing)} must be set, or MILLSTREAM_GRADIENTS_DIR for pictures "
                    "in a directory"
                )
        return self

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """The settings that *environment* describes; an empty value counts as none.

        Raises:
            GradientSettingsError: a value is missing or out of its range, or a name starts
                with one of `PREFIXES` and is unknown. No message repeats a value.
        """
        variables = Variables(VARIABLES, PREFIXES)
        if flaw := variables.unknown(environment):
            raise GradientSettingsError(flaw)
        values: dict[str, Any] = variables.values(environment)
        try:
            return cls(**values)
        except ValidationError as error:
            raise GradientSettingsError(variables.explained(error)) from None
