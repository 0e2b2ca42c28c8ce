"""What flux.toml may say of schedules, freezes and mail, and what it may not."""

import stat

import pytest
from nights import paris
from rig import CONFIG

from flux import config
from flux.faults import Fault

NIGHT = '[[schedule]]\nname = "nuit"\ncron = "30  2 * * MON-fri"\n'
FREEZE = '[[freeze]]\nfrom = "2026-12-31 18:00"\nuntil = "2027-01-02 06:00"\n'
MAIL = '[mail]\nhost = "mail.example.org"\nsender = "flux@example.org"\nto = ["claire@example.org"]\n'


@pytest.fixture
def load(tmp_path):
    def loaded(text):
        path = tmp_path / "flux.toml"
        path.write_text(CONFIG + text, "utf-8")
        return config.load(path)

    return loaded


def test_a_schedule_with_all_its_defaults(load):
    (one,) = load(NIGHT).schedules
    assert (one.cron, one.missed, one.partners, one.deadline_min) == ("30 2 * * mon-fri", "latest", (), 240)


def test_a_freeze_is_in_the_hours_of_paris(load):
    (one,) = load(NIGHT + FREEZE + 'label = "clôture"\nschedules = ["nuit"]').freezes
    assert (one.since, one.until, one.schedules) == (paris("2026-12-31 18:00"), paris("2027-01-02 06:00"), ("nuit",))


def test_without_a_host_there_is_no_mail(load):
    assert load("").post is None
    assert load(MAIL).post.port == 587


def test_who_is_taken_in_runs_is_named_by_a_schedule_or_by_one_that_names_all(load):
    assert load('taken = "run"\n' + NIGHT).partners[0].taken == "run"
    assert load('taken = "run"\n' + NIGHT + 'partners = ["batipro"]').partners[0].taken == "run"


@pytest.mark.parametrize(
    ("block", "code"),
    [
        (NIGHT.replace("MON-fri", "8"), "FLX-I180"), (NIGHT.replace("30  2 * * MON-fri", "0 0 30 2 *"), "FLX-I189"), (NIGHT + 'partners = ["x"]', "FLX-I181"),
        (NIGHT.replace("nuit", "Nuit"), "FLX-I190"), (NIGHT + NIGHT, "FLX-I187"), ('cut_off = "24:00"', "FLX-I182"), ('cut_off = "9:00"', "FLX-I182"),
        ('taken = "run"', "FLX-I183"), (FREEZE.replace("18:00", "25:00"), "FLX-I182"), (FREEZE.replace("2027-01-02 06:00", "2026-12-31 18:00"), "FLX-I188"),
        (FREEZE + 'schedules = ["jour"]', "FLX-I181"), (MAIL.replace('sender = "flux@example.org"', ""), "FLX-I184"), (MAIL.replace('["claire@example.org"]', "[]"), "FLX-I184"),
        (MAIL.replace("claire@example.org", "a@example.org, b@example.org"), "FLX-I184"), (MAIL.replace("claire@example.org", "a@example.org\\nBcc: b@example.org"), "FLX-I184"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_at_the_start_in_both_languages(load, block, code):
    with pytest.raises(Fault) as caught:
        load(block)
    assert caught.value.code == code
    assert all(caught.value.told("fr"))


def test_the_password_stands_in_its_file_or_in_the_environment_and_never_in_the_settings(load, tmp_path, monkeypatch):
    monkeypatch.setenv("FLUX_MAIL_PASSWORD", "of the environment")
    assert config.mail_password(load(MAIL)) == ""  # nobody logs in
    assert config.mail_password(load(MAIL + 'user = "flux"')) == "of the environment"
    with pytest.raises(Fault, match="cannot be read") as caught:
        config.mail_password(load(MAIL + 'user = "flux"\npassword_file = "secret"'))
    assert caught.value.code == "FLX-I185"
    (tmp_path / "secret").write_text("of the file\n")
    (tmp_path / "secret").chmod(stat.S_IRUSR)
    assert config.mail_password(load(MAIL + 'user = "flux"\npassword_file = "secret"')) == "of the file"
    assert "of the file" not in repr(load(MAIL + 'user = "flux"\npassword_file = "secret"'))
