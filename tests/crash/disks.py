"""Disks that can be pulled out or filled: a real file system in an image file, and its power switch; a tmpfs that is too small."""

import fcntl
import os
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

import pytest

SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN are one number
WITHOUT_LOG_FLUSH = 2  # what was not synced is gone, as when the power goes
SIZE_MB = {"ext4": 64, "xfs": 320}


def run(*words):
    return subprocess.run([*map(str, words)], check=True, capture_output=True)


def memory():
    """A folder in memory where there is such a place: a kill asks nothing of a disk, and a thousand syncs of a busy one are slow."""
    shared = Path("/dev/shm")  # noqa: S108 - a folder of its own within
    return tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None)


class Disk:
    """A file system of its own with an installation on it, as often as it is wanted: the image is made once and copied."""

    def __init__(self, kind, folder, fill):
        """fill(mounted folder) puts there what every copy begins with."""
        if os.geteuid() != 0 or not shutil.which(f"mkfs.{kind}"):
            pytest.skip(f"needs root and mkfs.{kind} (apt-get install e2fsprogs xfsprogs)")
        self._image, self._first, self.mounted = Path(folder) / "disk", Path(folder) / "first", Path(folder) / "mounted"
        self.mounted.mkdir(parents=True)
        run("truncate", "-s", f"{SIZE_MB[kind]}M", self._first)
        run(f"mkfs.{kind}", "-q", self._first)
        self._mount(self._first)
        fill(self.mounted)
        self.off()

    def _mount(self, image):
        if subprocess.run(["mount", "-o", "loop", image, self.mounted], check=False, capture_output=True).returncode:
            pytest.skip("needs loop devices and the right to mount them")

    def fresh(self):
        """Begin again."""
        run("cp", "--sparse=always", self._first, self._image)
        self.on()

    def on(self):
        self._mount(self._image)

    def cut(self):
        """The power goes: nothing more reaches the disk."""
        fd = os.open(self.mounted, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, SHUTDOWN, struct.pack("I", WITHOUT_LOG_FLUSH))
        finally:
            os.close(fd)

    def off(self):
        run("umount", self.mounted)


class Small:
    """A tmpfs that is too small, and then is not."""

    def __init__(self, folder):
        if os.geteuid() != 0:
            pytest.skip("needs the right to mount a tmpfs")
        self._folder = Path(folder)
        self._folder.mkdir(parents=True)

    def on(self, options):
        run("mount", "-t", "tmpfs", "-o", options, "tmpfs", self._folder)
        return self._folder

    def enlarge(self):
        run("mount", "-o", "remount,size=64m,nr_inodes=10000", self._folder)

    def off(self):
        run("umount", self._folder)


def power_cut(plug, disk, root, at, on="", meanwhile=lambda: None, then=0):
    """
    Run until the Nth act, cut the power, end the process, put the disk in again. Gives whether the act was reached.

    meanwhile: what somebody else does at that very instant, before the power goes. then: the act of the next run at which it goes again.
    """
    disk.fresh()
    reached = _cut(plug, disk, root, at, on, meanwhile)
    if reached and then:
        _cut(plug, disk, root, then)
    return reached


def _cut(plug, disk, root, at, on="", meanwhile=lambda: None):
    pid = plug.start(root, "once", at=at, fault="stop", on=on)
    reached = plug.wait(pid).status == "stopped"
    if reached:
        meanwhile()
        disk.cut()
        plug.end(pid)
        disk.off()
        disk.on()
    return reached
