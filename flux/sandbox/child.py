"""
A child of the sandbox: ``python -I -m flux.sandbox.child FD BYTES [--warm] [--strict] [--pack FOLDER]``.

BYTES is the largest file that it may write, FOLDER holds other tables than the package's: a replay judges by them, and nothing else does.

Reads tasks from its socket until it closes, or until it is killed. It raises its walls before it reads a byte, opens nothing that it was
not handed, and dies with its parent.
"""

import array
import os
import socket
import sys
import time
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path

import flux
from flux.faults import Fault, traced
from flux.kit import Kit, build
from flux.model import Finding
from flux.process import Keep, judge
from flux.sandbox import _confine
from flux.sandbox.wire import (
    DONE,
    LARGE_MEMORY_BYTES,
    MEMORY_BYTES,
    READY,
    Answer,
    Item,
    Judge,
    Prove,
    Task,
    allowed,
    frame,
    missing,
    read_tasks,
)
from flux.stores import schemas

FLUSH_S = 0.02
FLUSH_BYTES = 1 << 20
RECEIVE_BYTES = 1 << 16


def main() -> None:
    """Serve tasks until the socket closes."""
    parent = os.getppid()
    walls = _confine.enter(int(sys.argv[2]))
    if os.getppid() != parent:
        sys.exit(0)
    with socket.socket(fileno=int(sys.argv[1])) as line:
        kit = build(*([Path(sys.argv[sys.argv.index("--pack") + 1])] if "--pack" in sys.argv else []))
        if "--warm" in sys.argv:
            kit.schemas.warm()
        walls += _confine.close([Path(flux.__file__).parent, schemas.home()])
        line.sendall(frame(Answer(0, READY, walls=walls)))
        if "--strict" in sys.argv and missing(walls):
            return
        buffer, fds = bytearray(), array.array("i")
        while True:
            data, ancillary, _, _ = line.recvmsg(RECEIVE_BYTES, socket.CMSG_SPACE(253 * fds.itemsize))
            if not data:
                return
            for level, kind, payload in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
            buffer += data
            for task in read_tasks(buffer):
                serve(task, fds.tolist(), kit, line)
                for fd in fds:
                    os.close(fd)
                fds = array.array("i")


def serve(task: Task, fds: list[int], kit: Kit, line: socket.socket) -> None:
    """Answer one task on *line*: an answer a key, then DONE."""
    body = task.body
    _confine.grant(
        memory=LARGE_MEMORY_BYTES if body.large else MEMORY_BYTES,
        seconds=sum(allowed(body).values()),
        file_bytes=body.limits.expanded_mb << 20 if isinstance(body, Prove) else _excerpts_most(body),
    )
    if isinstance(body, Prove):
        line.sendall(frame(_proved(task.number, body, fds)))
    else:
        _judge_all(task.number, body, fds, kit, line)
    line.sendall(frame(Answer(task.number, DONE)))


def _judge_all(number: int, body: Judge, fds: list[int], kit: Kit, line: socket.socket) -> None:
    ready, flushed = bytearray(), time.monotonic()
    for answer in (answer for item in body.items for answer in _judged(number, item, body, fds, kit)):
        ready += frame(answer)
        if (now := time.monotonic()) - flushed > FLUSH_S or len(ready) > FLUSH_BYTES:
            line.sendall(ready)
            ready, flushed = bytearray(), now
    line.sendall(ready)


def _judged(number: int, item: Item, body: Judge, fds: list[int], kit: Kit) -> Iterator[Answer]:
    """An answer for each piece of one file, or the one that says why there is none."""
    brief = body.briefs[item.brief]
    try:
        content = os.pread(fds[item.fd], item.size, item.offset)
        sink = [_keeping(fds[item.sink])] if item.sink >= 0 else []
        pieces = judge(item.index, item.name, content, brief, kit, *sink)
        for place, piece in enumerate(pieces, 1):
            yield Answer(number, item.key, judged=piece, more=place < len(pieces))
    except MemoryError:
        yield Answer(number, item.key, failed="memory")
    except Fault as fault:
        yield Answer(number, item.key, failed=fault.code, facts=fault.facts)
    except Exception as error:  # noqa: BLE001 - the child's end of the worker's one net: a bug is told, with where, and blames nobody
        yield Answer(number, item.key, failed=f"bug: {traced(error)}")


def _excerpts_most(body: Judge) -> int:
    """What the excerpts of one document may come to: its attachments in base64, and itself beside them."""
    return max(((2 * (brief.policy.limits.attachments_mb + brief.policy.limits.xml_mb)) << 20 for brief in body.briefs if brief.pivot), default=0)


def _keeping(fd: int) -> Keep:
    """Writes at the end of this file, from its beginning on: what a first try left in it is gone."""
    os.ftruncate(fd, 0)
    end = 0

    def keep(parts: Iterable[bytes]) -> tuple[int, int]:
        nonlocal end
        start = end
        for part in parts:
            with memoryview(part) as left:
                done = 0
                while done < len(left):
                    done += os.pwrite(fd, left[done:], end + done)
            end += len(part)
        return start, end - start

    return keep


def _proved(number: int, body: Prove, fds: list[int]) -> Answer:
    from flux.containers import prove  # late: most children never meet an archive

    try:
        with FileIO(fds[0], "rb", closefd=False) as source, FileIO(fds[1], "r+b", closefd=False) as sink:
            sink.seek(0)
            sink.truncate()  # what a first try left in it
            found = prove(source, body.size, sink, body.limits)
    except MemoryError:
        return Answer(number, body.key, failed="memory")
    except Exception as error:  # noqa: BLE001 - as above
        return Answer(number, body.key, failed=f"bug: {traced(error)}")
    return Answer(number, body.key, finding=found) if isinstance(found, Finding) else Answer(number, body.key, proof=found)


if __name__ == "__main__":
    main()
