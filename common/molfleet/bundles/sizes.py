"""How much a bundle holds, and what is said of a model that is more."""

from __future__ import annotations

from molfleet.errors import Code, Rejected

#: Parts in all; what a zip without its 64-bit extension holds, with room for the rest.
MAX_CONTENT_BYTES = (2 << 30) - (64 << 20)


def too_large(takes: str, most: int = MAX_CONTENT_BYTES) -> Rejected:
    """What to raise of a model, or of a part of one, that takes more than `most` bytes."""
    return Rejected(
        Code.RESULT_TOO_LARGE,
        f"The model takes {takes}, and a bundle holds at most {most:,}: take fewer or smaller trees, "
        "members or folds.",
    )
