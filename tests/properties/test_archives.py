"""Archives: what the standard library packs is proven to exactly that; whatever is done to it then gives all of it or a refusal, never fewer."""

import gzip
import io
import tarfile
import zipfile

from hypothesis import given
from hypothesis import strategies as st

from flux.containers import prove
from flux.model import Finding
from flux.policy import Limits

LIMITS = Limits()
FORMS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
LITTER = ("thumbs.db", "desktop.ini", ".ds_store")

steps = st.text("abAB1é-_ ß", min_size=1, max_size=12).filter(lambda step: step.casefold() not in LITTER)
paths = st.lists(steps, min_size=1, max_size=4).map("/".join)
bodies = st.binary(max_size=2_000).map(lambda tail: b"<a>" + tail)
trees = st.dictionaries(paths, bodies, min_size=1, max_size=6).filter(lambda tree: len({name.casefold() for name in tree}) == len(tree))


def by_tarfile(tree, form):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=form) as archive:
        for name, content in tree.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()


def by_zipfile(tree, method, streamed):
    made = io.BytesIO()
    made.seekable = lambda: not streamed
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in tree.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return made.getvalue()


packers = st.one_of(
    st.sampled_from(FORMS).map(lambda form: lambda tree: by_tarfile(tree, form)),
    st.sampled_from(FORMS).map(lambda form: lambda tree: gzip.compress(by_tarfile(tree, form), mtime=0)),
    st.builds(lambda method, streamed: lambda tree: by_zipfile(tree, method, streamed), st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]), st.booleans()),
)


def unpacked(content):
    sink = io.BytesIO()
    proof = prove(io.BytesIO(content), len(content), sink, LIMITS)
    if isinstance(proof, Finding):
        return proof
    whole = sink.getvalue()
    assert proof.left_out == ()
    return {member.name: whole[member.offset : member.offset + member.size] for member in proof.members}


@given(tree=trees, pack=packers)
def test_what_the_standard_library_packs_is_proven_to_exactly_that(tree, pack):
    assert unpacked(pack(tree)) == tree


@given(tree=trees, pack=packers, at=st.floats(0, 1, exclude_max=True), data=st.data())
def test_damage_gives_all_or_a_refusal_and_never_fewer(tree, pack, at, data):
    """A plain tar has no checksum over its contents: there, all means each member with its length. Everywhere else, each with its bytes."""
    archive = pack(tree)
    place = int(at * len(archive))
    width = data.draw(st.integers(1, 600))
    damaged = data.draw(
        st.sampled_from(
            [
                archive[:place] + bytes([archive[place] ^ 1 << width % 8]) + archive[place + 1 :],  # a bit
                archive[:place],  # the end
                archive[:place] + archive[place + width :],  # a part
                archive[:place] + bytes(width) + archive[place + width :],  # a hole
                archive[:place] + archive[place : place + width] * 2 + archive[place + width :],  # a part twice
                archive + archive[place:],  # something behind
            ]
        )
    )
    found = unpacked(damaged)
    if isinstance(found, Finding):
        assert found.code in {f"FLX-A{n:02d}" for n in (*range(1, 11), 12)}
    elif archive[257:262] == b"ustar":
        assert [len(content) for content in found.values()] == [len(content) for content in tree.values()]
    else:
        assert list(found.values()) == list(tree.values())
