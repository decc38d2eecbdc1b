"""Spellings that work and are risky: warned of, with their place, and no mistake."""

import pytest

from monitor.cli import main
from monitor.config import load

RISKY = """\
companies:
  - alibaba
  - extends: tencent
    aliases: [TX, 讯]
  - name: Apple
    aliases: [Music, Group, 蚂蚁]
    units: {phone: [A1]}
topics:
  - {name: Labour, keywords: [strike*, 罢, AI]}
"""
SAFE = """\
companies:
  - ant
  - name: Apple
    aliases:
      - {text: Apple, needs: [iPhone, Cupertino]}
      - {text: Target, case: true}
      - {text: TX, needs: [Shenzhen]}
      - 苹果公司
    tickers: ["NASDAQ:IQ", "HKEX:1"]
    people: {boss: [Music]}
topics:
  - {name: Labour, keywords: [strike*, union, 罢工]}
"""


def write(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text, "utf-8")
    return path


def test_each_risky_spelling_is_told_with_its_place(tmp_path):
    """Too short, an ordinary word, or part of another company's spelling: said, with what to do."""
    path = write(tmp_path, RISKY)

    told = [warning.replace(f"{tmp_path}/", "") for warning in load(path, {}).warnings]

    assert [(it.split(": ")[0], it.split(": ")[1]) for it in told] == [
        ("config.yaml:4", "companies[1].aliases[0]"),
        ("config.yaml:4", "companies[1].aliases[1]"),
        ("config.yaml:5", "companies[2].name"),
        ("config.yaml:6", "companies[2].aliases[0]"),
        ("config.yaml:6", "companies[2].aliases[1]"),
        ("config.yaml:6", "companies[2].aliases[2]"),
        ("config.yaml:7", "companies[2].units.phone[0]"),
        ("config.yaml:9", "topics[0].keywords[1]"),
        ("config.yaml:9", "topics[0].keywords[2]"),
    ]
    reasons = ["two letters", "single character", "common English", "common English"]
    reasons += ["common English", 'stands inside "蚂蚁', "two letters", "single", "two letters"]
    assert all(reason in said for said, reason in zip(told, reasons, strict=True))


@pytest.mark.parametrize("text", [SAFE, "{}\n"], ids=["safe", "bundled"])
def test_what_needs_context_is_no_risk(tmp_path, text):
    """`needs`, capitals and longer forms are enough; what is bundled is not warned of."""
    assert load(write(tmp_path, text), {}).warnings == ()


def test_check_prints_warnings_and_succeeds(tmp_path, capsys):
    """`monitor config check` names each risk in a line and still ends well."""
    path = write(tmp_path, RISKY)

    with pytest.raises(SystemExit) as ended:
        main(["--config", str(path), "config", "check"])

    lines = capsys.readouterr().out.splitlines()
    assert ended.value.code == 0
    assert [line.startswith("warning: ") for line in lines[:10]] == [True] * 9 + [False]
    assert lines[9] == f"{path}: no mistakes"
