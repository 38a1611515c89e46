"""From a field to what the catalog says of it."""

from dataclasses import replace
from hashlib import blake2b

import numpy as np

from consumers.handlers.tiles.catalog import Dataset
from consumers.handlers.tiles.dataerrors import IngestError
from consumers.handlers.tiles.field import Field
from consumers.handlers.tiles.levels import levels_of
from consumers.handlers.tiles.names import layer_name
from consumers.handlers.tiles.shards import ShardLayout, Values


def described(field: Field) -> Dataset:
    """The row of *field*, with a storage path of its own and the range of its values.

    Raises:
        IngestError: the field names no model.
    """
    if field.model is None:
        raise IngestError(f"the field {field.name} names no model")
    ny, nx = field.values.shape
    dataset = Dataset(
        name=layer_name(field.model, field.parameter, field.level),
        reference_time=field.reference_time,
        forecast=field.forecast,
        grid=field.grid,
        layout=ShardLayout.of(ny, nx),
        storage_path="",
        units=field.units,
        vmin=None,
        vmax=None,
        levels=levels_of(field.grid),
    )
    path = storage_path_of(dataset, field.values)
    return widened(replace(dataset, storage_path=path), field.values)


def storage_path_of(dataset: Dataset, content: Values | str) -> str:
    """A readable name with a digest of all that the shards hold."""
    digest = blake2b(dataset.grid.to_json().encode(), digest_size=8)
    digest.update(content.encode() if isinstance(content, str) else content.data)
    model, parameter, level = dataset.name
    run = f"{dataset.reference_time:%Y%m%dT%H%M%SZ}"
    ahead_s = int(dataset.forecast.total_seconds())
    return f"{model}/{run}/{parameter}_{level}/{ahead_s:07d}s-{digest.hexdigest()}"


def widened(dataset: Dataset, values: Values) -> Dataset:
    """*dataset* with a range that holds *values*, too."""
    least, greatest = np.fmin.reduce(values, axis=None), np.fmax.reduce(values, axis=None)
    if np.isnan(least):
        return dataset
    return replace(
        dataset,
        vmin=float(least) if dataset.vmin is None else min(dataset.vmin, float(least)),
        vmax=float(greatest) if dataset.vmax is None else max(dataset.vmax, float(greatest)),
    )
