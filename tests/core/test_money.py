from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openplatform.core import money

CENTS = 10**13
amounts = st.integers(-CENTS, CENTS).map(lambda cents: Decimal(cents).scaleb(-2))
weights = st.lists(
    st.one_of(
        st.integers(0, 1_000_000),
        st.integers(0, CENTS).map(lambda cents: Decimal(cents).scaleb(-2)),
    ),
    min_size=1,
    max_size=30,
).filter(lambda values: sum(values) > 0)


@given(amount=amounts, weights=weights)
def test_shares_conserve_the_amount_when_it_is_divided(
    amount: Decimal, weights: list[int | Decimal]
) -> None:
    shares = money.divide(amount, weights)

    total = Fraction(sum(Fraction(weight) for weight in weights))
    assert len(shares) == len(weights)
    assert sum(shares) == amount
    for share, weight in zip(shares, weights, strict=True):
        assert share == money.round_amount(share)
        assert abs(Fraction(share) - Fraction(amount) * Fraction(weight) / total) < Fraction(1, 100)


@pytest.mark.parametrize(
    ("amount", "weights", "shares"),
    [
        ("1.00", [1, 1, 1], ["0.34", "0.33", "0.33"]),
        ("-1.00", [1, 1, 1], ["-0.34", "-0.33", "-0.33"]),
        ("0.02", [1, 1, 1], ["0.01", "0.01", "0.00"]),
        ("10.00", [0, 1], ["0.00", "10.00"]),
        ("10.00", [Decimal("0.30"), Decimal("0.70")], ["3.00", "7.00"]),
        ("0.00", [3, 4], ["0.00", "0.00"]),
        ("0.05", [1, 2, 3], ["0.01", "0.02", "0.02"]),
    ],
)
def test_rest_goes_to_the_largest_remainder_when_it_does_not_divide(
    amount: str, weights: list[int | Decimal], shares: list[str]
) -> None:
    assert [str(share) for share in money.divide(Decimal(amount), weights)] == shares


@pytest.mark.parametrize("weights", [[], [0], [0, 0], [1, -1, 3], [-1]])
def test_refused_when_there_is_nothing_to_divide_by(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights must not be negative"):
        money.divide(Decimal("1.00"), weights)


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [("0.005", "0.01"), ("-0.005", "-0.01"), ("0.0049", "0.00"), ("2.675", "2.68"), ("1", "1.00")],
)
def test_half_a_cent_goes_away_from_zero_when_rounded(amount: str, rounded: str) -> None:
    assert str(money.round_amount(Decimal(amount))) == rounded


@pytest.mark.parametrize(
    ("amount", "text"),
    [("128.5", "128.50"), ("0", "0.00"), ("-3", "-3.00"), ("1E+3", "1000.00"), ("1.000", "1.00")],
)
def test_amount_has_two_decimals_when_written(amount: str, text: str) -> None:
    assert money.to_text(Decimal(amount)) == text


@pytest.mark.parametrize("amount", ["0.001", "1.005", "-0.0001"])
def test_refused_when_an_amount_is_finer_than_a_cent(amount: str) -> None:
    with pytest.raises(ValueError, match="finer than a cent"):
        money.to_text(Decimal(amount))


@pytest.mark.parametrize(
    ("amount", "percent", "price"),
    [
        ("100.00", "15", "85.00"),
        ("9.99", "66.7", "3.33"),
        ("9.99", "50", "5.00"),
        ("0.01", "99", "0.01"),
        ("100.00", "-10", "110.00"),
    ],
)
def test_price_is_rounded_and_at_least_a_cent_when_discounted(
    amount: str, percent: str, price: str
) -> None:
    assert str(money.discounted(Decimal(amount), Decimal(percent))) == price


@pytest.mark.parametrize(
    ("rate", "text"), [("0.1300", "0.13"), ("0", "0"), ("0.0650", "0.065"), ("1", "1")]
)
def test_rate_has_no_needless_zeros_when_written(rate: str, text: str) -> None:
    assert money.rate_to_text(Decimal(rate)) == text
