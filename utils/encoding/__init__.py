"""How a mixed table becomes numbers and comes back: each way once, for all methods."""

from utils.encoding.bins import QuantileBins
from utils.encoding.codes import TableCodes
from utils.encoding.columns import (
    array_dtype,
    float_range,
    from_array,
    from_codes,
    from_float,
    grid_step,
    is_absent,
    to_array,
    to_code,
    to_codes,
    to_float,
    to_number,
)
from utils.encoding.matrix import TableEncoder

__all__ = [
    "QuantileBins",
    "TableCodes",
    "TableEncoder",
    "array_dtype",
    "float_range",
    "from_array",
    "from_codes",
    "from_float",
    "grid_step",
    "is_absent",
    "to_array",
    "to_code",
    "to_codes",
    "to_float",
    "to_number",
]
