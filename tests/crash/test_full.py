"""A disk that fills, by bytes or by files, and that is enlarged: nobody is refused because of it, and everything is answered."""

import random

import pytest
from disks import Small
from scenario import tight

BYTES = [f"size={kilobytes}k" for kilobytes in range(230, 760, 30)]
FILES = [f"nr_inodes={files}" for files in range(45, 110, 5)]


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [BYTES, FILES], ids=["bytes", "files"])
def test_a_full_disk_that_is_enlarged_is_followed_by_a_full_answer(tmp_path, plug, known, sizes):
    small = Small(tmp_path / "small")
    found = [tight(plug, small, options, known) for options in random.Random(4).sample(sizes, 3)]
    assert [result for result, _ in found if not result.good] == []
    assert any(was for _, was in found)
