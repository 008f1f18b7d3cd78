"""Numbers, tracking codes, deadlines and masking."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yunnao.infra.idempotency import seal, unseal
from yunnao.modules.cases import domain
from yunnao.modules.cases.limits import RateLimit
from yunnao.modules.cases.masking import mask_name, mask_phone, mask_text
from yunnao.modules.cases.search.domain import like_pattern


@pytest.mark.parametrize(
    ("city", "prefix"),
    [("qingdao", "QD"), ("beijing", "BJ"), ("jinan", "JN"), ("shenzhen", "SZ"), ("xian", "X")],
)
def test_a_number_begins_with_the_initials_of_the_city(city: str, prefix: str) -> None:
    assert domain.number_prefix(city) == prefix


def test_a_number_tells_city_day_and_order() -> None:
    assert domain.case_number("QD", datetime(2026, 11, 21, tzinfo=UTC), 123) == "QD-20261121-000123"


def test_tracking_codes_are_80_bits_and_found_however_they_are_typed() -> None:
    assert len(domain.Alphabet) ** domain.TRACKING_CHARS == 2**80
    codes = {domain.new_tracking_code() for _ in range(1000)}
    assert len(codes) == 1000
    code = next(iter(codes))
    wanted = domain.tracking_hash(code)
    assert wanted is not None
    assert domain.tracking_hash(f" {code.lower().replace('-', ' ')} ") == wanted
    assert domain.tracking_hash(code.replace("0", "O").replace("1", "l")) == wanted


@given(st.text())
def test_any_text_is_a_code_or_none(text: str) -> None:
    found = domain.tracking_hash(text)
    assert found is None or len(found) == 32


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("电话13812345678谢谢", "电话138****5678谢谢"),
        ("138 1234 5678", "138****5678"),
        ("证号37020219900307123X。", "证号370202********123X。"),
        ("0532-85911234", "0532-****1234"),
        ("li.si@example.org", "l***@example.org"),
        ("车位号12345，2026年11月21日", "车位号12345，2026年11月21日"),
        ("编号20261121000123456789", "编号20261121000123456789"),
    ],
)
def test_numbers_of_persons_are_masked_and_others_are_not(text: str, masked: str) -> None:
    assert mask_text(text) == masked


def test_names_and_phones_are_masked() -> None:
    assert mask_name("张三") == "张*"
    assert mask_name("欧阳修文") == "欧***"
    assert mask_name("王") == "王*"
    assert mask_name(" ") is None
    assert mask_phone("13812345678") == "138****5678"
    assert mask_phone("12345") == "*****"


def test_a_title_is_the_first_sentence() -> None:
    assert domain.title_of("路灯不亮。已经三天了") == "路灯不亮"
    assert len(domain.title_of("长" * 100)) == 40


def test_wildcards_of_a_search_are_escaped() -> None:
    assert like_pattern("100%_\\") == "%100\\%\\_\\\\%"


@given(st.text(min_size=1, max_size=50), st.from_regex(r"\A[0-9A-Z-]{1,32}\Z"))
def test_a_sealed_secret_is_read_with_its_key_only(key: str, secret: str) -> None:
    sealed = seal(secret, key)
    assert unseal(sealed, key) == secret
    assert secret not in sealed or len(secret) < 3


def test_a_rate_limit_forgets_after_its_window() -> None:
    moment = 0.0
    limit = RateLimit(2, 60, lambda: moment)
    limit.take("a")
    limit.take("a")
    limit.take("b")
    with pytest.raises(Exception, match="reports_too_many"):
        limit.take("a")
    moment = 61.0
    limit.take("a")
