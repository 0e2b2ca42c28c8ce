"""The campaign writes its own sections of docs/reliability.md, and no other word of it."""

from types import SimpleNamespace

import campaign
import pytest


def test_a_part_replaces_its_section_and_leaves_the_rest(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Page\n\nWords.\n\n<!-- campaign:crash -->\nold\n<!-- /campaign:crash -->\n\nMore words.\n", "utf-8")
    campaign.write(page, "crash", "new")
    campaign.write(page, "fuzz", "first")
    assert page.read_text("utf-8") == (
        "# Page\n\nWords.\n\n<!-- campaign:crash -->\nnew\n<!-- /campaign:crash -->\n\nMore words.\n\n<!-- campaign:fuzz -->\nfirst\n<!-- /campaign:fuzz -->\n"
    )


def test_a_figure_that_is_not_met_is_told_so():
    rows = [campaign.Row("kills", "0 lost", "0 lost", good=True), campaign.Row("cuts", "0 lost", "1 lost", good=False)]
    text = campaign.section("Crashes", rows, 120, "abc")
    assert text.splitlines()[-2:] == ["| kills | 0 lost | 0 lost | met |", "| cuts | 0 lost | 1 lost | **not met** |"]
    assert " at commit abc, " in text


def test_every_part_can_be_loaded_and_has_a_title():
    assert {"crash", "daemon", "power"} <= campaign.parts().keys()
    for path in campaign.parts().values():
        part = campaign.load(path)
        assert part.TITLE
        assert part.rows


def test_what_a_machine_lacks_is_told_and_not_met():
    def rows(_options):
        yield campaign.Row("kills", "0 lost", "0 lost", good=True)
        pytest.skip("needs mkfs.xfs")

    told = list(campaign.found(SimpleNamespace(rows=rows), None))
    assert [(row.found, row.good) for row in told] == [("0 lost", True), ("not measured: needs mkfs.xfs", False)]
