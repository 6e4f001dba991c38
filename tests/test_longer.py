"""The benchmark of what a summary goes on with."""

import pytest

from benchmarks.longer import describe_further


def test_lengths_are_relative_to_the_document_and_places_run_from_first_to_last():
    sents = ["a" * 10, "b" * 30, "c" * 20, "d" * 20, "e" * 20]
    assert describe_further(sents, [0, 1, 2, 3, 4]) == pytest.approx((1.25, 0.375))
    assert describe_further(sents, [2, 0, 4, 1, 3]) == pytest.approx((0.75, 0.5))
