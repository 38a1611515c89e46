"""Where the tile system finds its catalog and its shards, and how much it keeps in memory."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from consumers.handlers.tiles.dataerrors import TilesSettingsError
from consumers.variables import Variables
from producers.warming.rule import WarmRule, parse_rules

#: Names with this start are ours alone, so an unknown one is a mistake.
PREFIX: Final = "MILLSTREAM_TILES_"

#: Environment variable to field.
VARIABLES: Final[Mapping[str, str]] = {
    "DATABASE_URL": "database_url",
    "MILLSTREAM_STORE": "store_dir",
    "MILLSTREAM_TILES_LOOKUP_TTL_MS": "lookup_ttl_ms",
    "MILLSTREAM_TILES_MAPPING_CACHE_MIB": "mapping_cache_mib",
    "MILLSTREAM_TILES_SHARD_CACHE_MIB": "shard_cache_mib",
    "MILLSTREAM_TILES_STYLES": "styles_dir",
    "MILLSTREAM_TILES_WARM": "warm_rules",
    "S3_ACCESS_KEY": "s3_access_key",
    "S3_BUCKET": "s3_bucket",
    "S3_ENDPOINT": "s3_endpoint",
    "S3_REGION": "s3_region",
    "S3_SECRET_KEY": "s3_secret_key",
}

_MIB: Final = 1024 * 1024

Mebibytes = Annotated[int, Field(ge=1, le=1024 * 1024)]


def _rules(value: object) -> object:
    return parse_rules(value) if isinstance(value, str) else value


class TilesSettings(BaseModel):
    """All that the tile system reads from the environment, checked as a whole.

    Attributes:
        data_dir: where catalog and store lie unless they are named
            (`MILLSTREAM_DATA_DIR`; `$XDG_DATA_HOME/millstream`; `~/.local/share/millstream`).
        database_url: the catalog (`DATABASE_URL`); a SQLite file in *data_dir* by default.
        store_dir: the directory of the shards (`MILLSTREAM_STORE`). Wins over S3, whose
            variables other systems of the same process may need.
        s3_endpoint, s3_bucket, s3_access_key, s3_secret_key, s3_region: shards in S3, where
            an endpoint or a bucket is named and no directory.
        styles_dir: a directory of styles of one's own (`MILLSTREAM_TILES_STYLES`).
        shard_cache_mib: memory for decoded shards, in MiB.
        mapping_cache_mib: memory for mappings from tiles to grids, in MiB.
        lookup_ttl_ms: how long an answer of the catalog is used again.
        warm_rules: what an ingest asks to be warmed, in the form of `WarmRule.parse` with
            white space between the rules; nothing by default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    data_dir: Path
    database_url: SecretStr | None = None
    store_dir: Path | None = None
    styles_dir: Path | None = None
    s3_endpoint: Annotated[str, Field(pattern=r"^https?://[^\s/]")] | None = None
    s3_bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")] | None = None
    s3_access_key: SecretStr | None = None
    s3_secret_key: SecretStr | None = None
    s3_region: str = "us-east-1"
    shard_cache_mib: Mebibytes = 128
    mapping_cache_mib: Mebibytes = 64
    lookup_ttl_ms: Annotated[int, Field(ge=0, le=60_000)] = 2000
    warm_rules: Annotated[tuple[WarmRule, ...], BeforeValidator(_rules)] = ()

    @model_validator(mode="after")
    def _keys_are_a_pair(self) -> Self:
        if (self.s3_access_key is None) != (self.s3_secret_key is None):
            raise ValueError("S3_ACCESS_KEY and S3_SECRET_KEY belong together: set both or none")
        return self

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """The settings that *environment* describes; an empty value counts as none.

        Raises:
            TilesSettingsError: a value is out of its range, values contradict each other,
                or a name starts with `MILLSTREAM_TILES_` and is unknown.
        """
        variables = Variables(VARIABLES, (PREFIX,))
        if flaw := variables.unknown(environment):
            raise TilesSettingsError(flaw)
        values: dict[str, Any] = variables.values(environment)
        try:
            return cls(data_dir=_data_dir(environment), **values)
        except ValidationError as error:
            raise TilesSettingsError(variables.explained(error)) from None

    @property
    def catalog_url(self) -> str:
        """The catalog's URL; may hold a password."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir / 'catalog.sqlite'}"

    @property
    def shards_dir(self) -> Path:
        """The directory of the shards, where they are not in S3."""
        return self.store_dir or self.data_dir / "shards"

    @property
    def uses_s3(self) -> bool:
        """Whether the shards are in S3."""
        return self.store_dir is None and bool(self.s3_endpoint or self.s3_bucket)

    @property
    def shard_cache_bytes(self) -> int:
        """Memory for decoded shards."""
        return self.shard_cache_mib * _MIB

    @property
    def mapping_cache_bytes(self) -> int:
        """Memory for mappings from tiles to grids."""
        return self.mapping_cache_mib * _MIB

    @property
    def lookup_ttl(self) -> timedelta:
        """How long an answer of the catalog is used again."""
        return timedelta(milliseconds=self.lookup_ttl_ms)


def _data_dir(environment: Mapping[str, str]) -> Path:
    if named := environment.get("MILLSTREAM_DATA_DIR"):
        return Path(named).expanduser()
    if xdg := environment.get("XDG_DATA_HOME"):
        return Path(xdg) / "millstream"
    return Path.home() / ".local" / "share" / "millstream"
