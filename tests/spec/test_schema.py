"""The schema refuses, and says why; what the explaining stumbles over never changes the verdict."""

from datetime import date

import pytest
from rig import EXAMPLES, GOOD

from flux import kit
from flux.policy import Brief, Policy
from flux.process import judge

SOUND = next(EXAMPLES.glob(GOOD)).read_bytes()
DATE = b"<cbc:IssueDate>2026-04-30</cbc:IssueDate>"


@pytest.fixture(scope="session")
def whole():
    return kit.build()


def codes(content, whole):
    (judged,) = judge(1, "x.xml", content, Brief("", Policy(naming="free"), date(2026, 11, 25)), whole)
    return {finding.code for finding in judged.findings}


def test_a_sound_document_has_nothing_to_explain(whole):
    assert DATE in SOUND
    assert not {code for code in codes(SOUND, whole) if code.startswith("FLX-S")}


@pytest.mark.parametrize(
    "date_",
    [
        b'<cbc:IssueDate xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="cbc:nope">2026-04-30</cbc:IssueDate>',
        b"<cbc:IssueDate>99999999999-01-01</cbc:IssueDate><cbc:Nope/>",
    ],
    ids=["a type that is none", "a year beyond counting"],
)
def test_what_cannot_be_explained_is_refused_in_the_validators_own_words(whole, date_):
    found = codes(SOUND.replace(DATE, date_), whole)
    assert found
    assert found <= {"FLX-S01", "FLX-S02", "FLX-S03", "FLX-S09"}
