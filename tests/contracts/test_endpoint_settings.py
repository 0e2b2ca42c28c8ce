"""What a row of [[endpoint]] may say: each refusal has its accepted twin one change away."""

import pytest

from flux import config
from flux.faults import Fault

PRINT = "SHA256:" + "A" * 43
LINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE0vhJ8HmzYZk1t3Xj2J0Y3zZk1t3Xj2J0Y3zZk1t3Xj"
PLAIN = {"name": '"there"', "partner": '"a"', "host": '"sftp.example.org"', "user": '"flux"', "key_file": '"key"', "host_keys": f'["{PRINT}"]'}


def load(folder, *rows):
    text = '[[partner]]\nname = "a"\n'
    for row in rows:
        text += "[[endpoint]]\n" + "".join(f"{name} = {value}\n" for name, value in row.items() if value is not None)
    (folder / "flux.toml").write_text(text, "utf-8")
    return config.load(folder / "flux.toml").endpoints


def test_a_row_needs_a_name_a_partner_a_server_an_account_a_secret_and_a_key(tmp_path):
    (end,) = load(tmp_path, PLAIN)
    assert (end.direction, end.server, end.claim, end.host_keys, end.key_types) == ("in", "sftp.example.org:22", ".flux-claim", (PRINT,), ())


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": None}, "FLX-I13"), ({"name": '"A b"'}, "FLX-I13"),
        ({"partner": '"b"'}, "FLX-I07"), ({"partner": None}, "FLX-I161"), ({"actor": '"moe"'}, "FLX-I161"),
        ({"partner": None, "actor": '"moe"'}, "FLX-I161"), ({"direction": '"both"'}, "FLX-I07"), ({"direction": '"out"', "actor": '"moe"'}, "FLX-I161"),
        ({"host": None}, "FLX-I09"), ({"user": None}, "FLX-I09"),
        ({"key_file": None}, "FLX-I162"), ({"key_file": None, "password_file": '"p"', "password_env": '"P"'}, "FLX-I162"),
        ({"claim": '"claim"'}, "FLX-I163"), ({"claim": '"../.x"'}, "FLX-I163"), ({"claim": '".."'}, "FLX-I163"), ({"folder": '"a\\nb"'}, "FLX-I163"),
        ({"host_keys": None}, "FLX-I164"), ({"host_keys": '["SHA256:short"]'}, "FLX-I164"), ({"host_keys": '["ssh-ed25519 no/base64!"]'}, "FLX-I164"), ({"host_keys": "[3]"}, "FLX-I164"),
        ({"host_keys": "[]"}, "FLX-I09"), ({"port": "0"}, "FLX-I08"), ({"kinds": '["letters"]'}, "FLX-I07"), ({"keyfile": '"key"'}, "FLX-I04"),
    ],
)  # fmt: skip
def test_a_row_that_says_too_little_or_too_much_stops_the_start(tmp_path, change, code):
    with pytest.raises(Fault) as met:
        load(tmp_path, {**PLAIN, **change})
    assert met.value.code == code


@pytest.mark.parametrize(
    "change",
    [
        {"direction": '"out"'}, {"direction": '"out"', "partner": None, "actor": '"moe-*"'}, {"key_file": None, "password_file": '"p"'},
        {"key_file": None, "password_env": '"P"'}, {"password_file": '"passphrase"'}, {"claim": '".taken"'}, {"folder": '"a b/é"'},
        {"host_keys": f'["{PRINT}", "{LINE}"]'}, {"kinds": '["integration", "lifecycle"]'}, {"done": '"done"'},
    ],
)  # fmt: skip
def test_its_twins_one_change_away_are_taken(tmp_path, change):
    assert len(load(tmp_path, {**PLAIN, **change})) == 1


@pytest.mark.parametrize(("key", "kinds"), [(LINE, ("ssh-ed25519",)), (f"sftp.example.org {LINE} comment", ("ssh-ed25519",)), (PRINT, ())])
def test_a_key_that_is_given_whole_says_its_kind(tmp_path, key, kinds):
    (end,) = load(tmp_path, {**PLAIN, "host_keys": f'["{key}"]'})
    assert (end.key_types, end.host_keys[0][:7]) == (kinds, "SHA256:")


def test_two_rows_have_two_names(tmp_path):
    with pytest.raises(Fault) as met:
        load(tmp_path, PLAIN, PLAIN)
    assert met.value.code == "FLX-I160"
    assert len(load(tmp_path, PLAIN, {**PLAIN, "name": '"there-2"'})) == 2


def test_a_place_is_more_than_a_name(tmp_path):
    ends = load(tmp_path, PLAIN, {**PLAIN, "name": '"b"'}, {**PLAIN, "name": '"c"', "folder": '"x"'})
    moved = load(tmp_path, {**PLAIN, "folder": '"x"'})
    assert len({end.via for end in (*ends, *moved)}) == 4
    assert load(tmp_path, {**PLAIN, "poll_s": "5.0"})[0].via == ends[0].via
