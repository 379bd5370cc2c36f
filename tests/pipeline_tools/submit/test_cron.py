"""Cron expressions."""

import pytest

from pipeline_tools.errors import InputError
from pipeline_tools.submit.cron import five_fields, six_fields


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("0 6 * * 1", "0 0 6 * * 1"),
        ("30 0 6 * * MON-FRI", "30 0 6 * * MON-FRI"),
        ("*/15  8-18/2 1,15 JAN-jun ?", "0 */15 8-18/2 1,15 JAN-jun ?"),
        ("@daily", "@daily"),
        ("@every 1h30m", "@every 1h30m"),
    ],
)
def test_as_kubeflow_reads_it(given, sent):
    assert six_fields(given) == sent


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("0 6 * * 1", "0 6 * * 1"),
        ("0 0 6 ? * 1", "0 6 * * 1"),
        ("TZ=Europe/Berlin 0 6 * * 1", "TZ=Europe/Berlin 0 6 * * 1"),
    ],
)
def test_as_vertex_reads_it(given, sent):
    assert five_fields(given) == sent


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("60 * * * *", "'60' is not a valid minute; write 0 to 59"),
        ("* 24 * * *", "'24' is not a valid hour"),
        ("* * 0 * *", "'0' is not a valid day of the month; write 1 to 31"),
        ("* * * FOO *", "'FOO' is not a valid month; write 1 to 12 or JAN to DEC"),
        ("* * * * 7", "'7' is not a valid day of the week; write 0 to 6 or SUN to SAT"),
        ("5-1 * * * *", "'5-1' is not a valid minute"),
        ("1-2-3 * * * *", "'1-2-3' is not a valid minute"),
        ("*/0 * * * *", r"'\*/0' is not a valid minute"),
        ("1, * * * *", "'' is not a valid minute"),
        ("* * *", "has 3 fields"),
        ("", "has 0 fields"),
        ("@often", "@yearly"),
        ("TZ=Europe/Berlin 0 6 * * 1", "accepts no time zone"),
    ],
)
def test_what_is_none(given, text):
    with pytest.raises(InputError, match=text):
        six_fields(given)


@pytest.mark.parametrize("given", ["30 0 6 * * 1", "@daily"])
def test_what_vertex_cannot_keep(given):
    with pytest.raises(InputError, match="Vertex AI"):
        five_fields(given)
