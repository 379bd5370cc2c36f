"""The tests of submitting run as nobody: without the settings of the person who runs them."""

import pytest


@pytest.fixture(autouse=True)
def _nobody(nobody):
    return nobody
