"""Whom flux lets read what it delivers: the umask's mode, and the group of a folder that hands it down."""

import hashlib
import os
import shutil
import stat
import subprocess

import pytest
from rig import CONFIG, FLUX, GOOD, Site

from flux.model import Emission
from flux.transports.folder import FolderOutbox

PARTNERS = 12345  # a group that nobody here is in
root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to any group")


@pytest.fixture
def umask():
    """umask(mode), for the length of a test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def published(folder):
    """One file, published by a real outbox into *folder*/p: its mode and its group."""
    content = b"payload"
    emission = Emission("k", "f", 0, "k", "returns/p", "n.xml", hashlib.sha256(content).hexdigest(), "blob", 0, len(content))
    (folder / "staged").mkdir()
    (folder / "blob").write_bytes(content)
    outbox = FolderOutbox(folder / "staged", lambda target: folder / "out" / target.partition("/")[2])
    with (folder / "blob").open("rb") as blob:
        outbox.stage([(emission, blob)])
    assert outbox.publish([emission]) == {}
    found = (folder / "out" / "p" / "n.xml").stat()
    return stat.S_IMODE(found.st_mode), found.st_gid


@pytest.mark.parametrize(("mask", "file", "folder"), [(0o022, 0o644, 0o755), (0o027, 0o640, 0o750), (0o077, 0o600, 0o700)])
def test_a_published_file_and_its_folder_have_the_mode_that_the_umask_leaves(tmp_path, umask, mask, file, folder):
    umask(mask)
    assert published(tmp_path)[0] == file
    assert stat.S_IMODE((tmp_path / "out" / "p").stat().st_mode) == folder


@root
@pytest.mark.parametrize(("mode", "group"), [(0o2750, PARTNERS), (0o750, os.getegid())])
@pytest.mark.parametrize("made", ["out/p", "out"], ids=["its folder is there", "its folder is made by flux"])
def test_a_published_file_has_the_group_of_a_folder_that_hands_it_down_and_else_ours(tmp_path, mode, group, made):
    (tmp_path / made).mkdir(parents=True)
    os.chown(tmp_path / made, -1, PARTNERS)
    (tmp_path / made).chmod(mode)
    assert published(tmp_path)[1] == group


@root
@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv")
def test_a_group_that_flux_is_not_in_stops_no_delivery_and_the_doctor_says_so(tmp_path):
    site = Site(tmp_path / "site", CONFIG)
    assert site.flux("once").returncode == 0
    returns = site.outbox / "returns" / "batipro"
    os.chown(returns, -1, PARTNERS)
    returns.chmod(0o2770)
    site.drop(GOOD)
    told = []
    for groups in ("--clear-groups", f"--groups={PARTNERS}"):
        plain = ["setpriv", groups, "--bounding-set=-chown", "--inh-caps=-chown"]
        for words in ("once", "doctor"):
            done = subprocess.run([*plain, *FLUX, words], cwd=site.root, env=site.environment(), capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
        told.append((f"hands its group ({PARTNERS}) down" in done.stdout, {path.stat().st_gid for path in returns.iterdir()}))
        for path in returns.iterdir():
            path.unlink()
        shutil.copy(next(iter((site.outbox / "pieces").rglob("*.xml"))), site.inbox / "FSO1111A_ABC001_ABC0011111000000000000999.xml")
    assert told == [(True, {os.getegid()}), (False, {PARTNERS})]


def test_nobody_but_flux_looks_into_the_spool(tmp_path, umask):
    umask(0o022)
    site = Site(tmp_path / "site")
    site.flux("once")
    assert stat.S_IMODE((site.root / "spool").stat().st_mode) == 0o700
    assert "others than flux" not in site.flux("doctor").stdout
    (site.root / "spool").chmod(0o750)
    assert "others than flux" in site.flux("doctor").stdout
