"""What the pages of this folder are given."""

import pytest


@pytest.fixture
def answer() -> int:
    """A value for a block that asks for it."""
    return 42
