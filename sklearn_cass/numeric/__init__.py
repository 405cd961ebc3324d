"""Numeric helpers: arrays read in chunks, checks of values, safe scaling, noise."""

from . import threads
from .checks import (
    check_channels,
    check_numbers,
    check_unread,
    error_context,
    floating,
    floating_type,
    in_double,
    is_number,
    known_entries,
    validate_samples,
)
from .chunked import (
    SlicedArray,
    chunks_of,
    share_memory,
    shared_mapping,
    takes_slices,
    write_parts,
)
from .containers import as_plain
from .output import ArrayOutputMixin
from .parameters import check_number_parameters
from .scaling import (
    divide,
    divisor,
    expand_rows,
    level,
    powers_of_two,
    scaled_to_unit_level,
    to_unit_level,
    vector_norm,
)
from .threads import one_thread_each, spread
from .torch_state import (
    conversion_device,
    sent,
    single_precision_by_default,
    usual_torch,
)

threads.register()

__all__ = [
    "ArrayOutputMixin",
    "SlicedArray",
    "as_plain",
    "check_channels",
    "check_numbers",
    "check_unread",
    "chunks_of",
    "conversion_device",
    "divide",
    "divisor",
    "error_context",
    "expand_rows",
    "floating",
    "floating_type",
    "in_double",
    "is_number",
    "known_entries",
    "level",
    "one_thread_each",
    "powers_of_two",
    "check_number_parameters",
    "scaled_to_unit_level",
    "sent",
    "share_memory",
    "shared_mapping",
    "single_precision_by_default",
    "spread",
    "takes_slices",
    "to_unit_level",
    "usual_torch",
    "validate_samples",
    "vector_norm",
    "write_parts",
]
