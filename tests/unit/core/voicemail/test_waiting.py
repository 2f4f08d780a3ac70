"""The body that tells a phone of waiting messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core.voicemail.model import Counts
from ringwall.core.voicemail.waiting import summary


@pytest.mark.req("V2")
@given(*[st.integers(0, 500)] * 4)
def test_a_summary_has_the_counts_in_the_form_of_the_rfc(new, urgent, saved, saved_urgent):
    body = summary(Counts(new, urgent, saved, saved_urgent), "sip:*98@voice.example").decode()
    status, account, voice, end = body.split("\r\n")
    assert status == f"Messages-Waiting: {'yes' if new else 'no'}"
    assert account == "Message-Account: sip:*98@voice.example"
    assert voice == f"Voice-Message: {new}/{saved} ({urgent}/{saved_urgent})"
    assert end == ""
