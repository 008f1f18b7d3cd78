"""Names of products and devices survive the way through MQTT topics and NATS subjects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yunnao.infra.nats_subjects import STORED_PREFIX, device_topic, intake_subject, read_subject
from yunnao.kernel.errors import InvalidInput

NAMES = st.text(
    st.characters(categories=["L", "N", "P", "S"], exclude_characters="/#+*>$"), min_size=1, max_size=128
)


@given(NAMES, NAMES)
def test_a_name_is_read_back_as_it_was(product: str, device: str) -> None:
    stored = intake_subject(product, device).replace("yunnao.v1.", "yunnao.p.3.", 1)
    assert read_subject(stored) == (3, product, device)


@pytest.mark.parametrize("name", ["", "a/b", "a b", "a\n", "#", "+", "*", ">", "$SYS", "x" * 129, "a\u3000b"])
def test_a_name_that_would_change_the_topic_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        device_topic("water", name)
    with pytest.raises(InvalidInput):
        intake_subject(name, "d")


@pytest.mark.parametrize("subject", ["yunnao.p.0.water", "yunnao.v1.water.d", "yunnao.p.x.water.d", "other"])
def test_a_foreign_subject_is_refused(subject: str) -> None:
    with pytest.raises(InvalidInput):
        read_subject(STORED_PREFIX + subject)
