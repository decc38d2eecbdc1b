"""Cells: what a spreadsheet would calculate is told by how a text begins."""

import sys

import pytest

from monitor.text.cells import safe_cell, safe_cells


@pytest.mark.parametrize("rest", ["", "=1+1", " =1+1", "1"])
def test_a_column_is_as_safe_as_each_of_its_cells(rest):
    """Whatever character a text begins with, the quick look finds what the thorough one does."""
    texts = [chr(code) + rest for code in range(sys.maxunicode + 1)]

    assert safe_cells(texts) == list(map(safe_cell, texts))


def test_formulas_get_an_apostrophe():
    """No matter what stands around them; what is not there stays absent."""
    texts = ["=1+1", " @SUM(A1)", "＝1", "\tx", "a=1", "罚款", "-3%", "", None]

    assert safe_cells(texts) == [
        "'=1+1",
        "' @SUM(A1)",
        "'＝1",
        "'\tx",
        "a=1",
        "罚款",
        "'-3%",
        "",
        None,
    ]
