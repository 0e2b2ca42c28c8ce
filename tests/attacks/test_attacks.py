"""A sample of the attacks against a real daemon, singly and in batches; ``make campaign PARTS=attacks`` tries every one."""

import pytest
import runner
from attack import attack
from every import FAMILIES, every, sample

STEP = 25


def test_there_are_more_than_a_thousand_attacks_and_each_has_a_name_of_its_own():
    names = [one.name for one in every()]
    assert len(names) == len(set(names)) > 2_000
    assert all(any(family.families()) for family in FAMILIES.values())


@pytest.mark.slow
def test_whatever_is_dropped_gets_its_code_and_harms_nobody(tmp_path):
    target = runner.Target(tmp_path)
    result = runner.run(target, sample(STEP))
    trouble = target.end()
    assert [one for one in result.outcomes if one.wrong] == []
    assert result.strangers == []
    assert trouble == []
    assert target.daemon_mb <= 300
    assert target.child_mb <= 1024


def test_the_runner_sees_another_code_a_lost_neighbour_and_no_answer():
    """A rig that cannot fail proves nothing."""
    one = attack("a", None, "FLX-X01")

    def report(codes, *pieces, state="IN_REJETE"):
        found = [{"code": code, "severity": "error"} for code in codes]
        return {"state": state, "findings": found, "pieces": [{"document": d, "verdict": v, "findings": [{"code": c, "severity": "error"} for c in cs]} for d, v, cs in pieces]}

    good = ("1.xml", "accepted", [])
    assert runner.wrong(one, report(["FLX-X01"])) == ""
    assert runner.wrong(one, report(["FLX-X02"]))
    assert runner.wrong(one, report(["FLX-X01", "FLX-X02"]))
    assert runner.wrong(one, report([], good, state="IN_INTEGRE"))
    assert runner.wrong(one, None)
    assert runner.wrong_in_batch(one, report([], good, ("attack.xml", "rejected", ["FLX-X01"]), good)) == ""
    assert runner.wrong_in_batch(one, report([], good, ("attack.xml", "rejected", ["FLX-X01"]), ("3.xml", "rejected", ["FLX-X01"])))
    assert runner.wrong_in_batch(one, report([], good, ("attack.xml", "rejected", ["FLX-X01"])))
    assert runner.wrong_in_batch(one, report(["FLX-A01"]))


@pytest.mark.parametrize("text", ["<script>x</script>", "<img src='x'>", "<p onclick='x'>y</p>", "<a href='x'>y</a>"])
def test_the_runner_sees_an_answer_that_does_not_lie_still(tmp_path, text):
    page = tmp_path / "a.html"
    page.write_text("<html><body><p>x</p></body></html>")
    runner.lies_still(page)
    page.write_text(f"<html><body>{text}</body></html>")
    with pytest.raises(AssertionError):
        runner.lies_still(page)
