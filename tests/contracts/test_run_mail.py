"""The report by mail, to a real SMTP server: what it gets, and what becomes of a report that it does not take."""

import asyncio
import email
import socket
import ssl
import subprocess
import time
from email import policy

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from nights import Nights

from flux import planning
from flux._scheduled import Post
from flux.faults import Fault
from flux.mailing import GIVE_UP, Mailer
from flux.model import Plumbing
from flux.transports import mail
from flux.words import Words

# What the test's server leaves open when it is stopped is its own.
pytestmark = [pytest.mark.filterwarnings("ignore::ResourceWarning"), pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]

POST = Post("127.0.0.1", 0, "none", "", "", "flux@example.org", ("claire@example.org",), 5.0)


class Postbox:
    """A mail server's hands: keeps what it takes, or answers with what a test wants."""

    def __init__(self):
        self.got, self.answer, self.refused, self.slow_s = [], "250 OK", set(), 0.0

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - aiosmtpd's name
        if address in self.refused:
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, session, envelope):  # noqa: N802 - aiosmtpd's name
        await asyncio.sleep(self.slow_s)
        if self.answer.startswith("2"):
            self.got.append((session.authenticated, email.message_from_bytes(envelope.content, policy=policy.default)))
        return self.answer


@pytest.fixture
def postbox():
    return Postbox()


@pytest.fixture
def serve(postbox):
    servers = []

    def served(**options):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        servers.append(Controller(postbox, hostname="127.0.0.1", port=port, **options))
        servers[-1].start()
        return port

    yield served
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    ask = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(ask, check=True, capture_output=True)
    return cert, key


@pytest.fixture
def night(tmp_path):
    """An installation in which one run is done and its mail is owed."""
    nights = Nights(tmp_path, now="2026-11-26 20:00", daemon=False)
    nights.site = type(nights.site)(**{name: getattr(nights.site, name) for name in nights.site.__struct_fields__} | {"mail": True})
    nights.start()
    nights.turn().at("2026-11-27 02:30").turn()
    yield nights
    nights.close()


def a_message(**changes):
    message = email.message.EmailMessage()
    message["From"], message["To"], message["Subject"] = POST.sender, ", ".join(changes.get("to", POST.to)), "é"
    message.set_content("bonjour")
    return message


def with_port(port, **changes):
    return Post(**{name: getattr(POST, name) for name in POST.__struct_fields__} | {"port": port} | changes)


def mailer(night, post, retry_s=(60.0, 600.0)):
    class Settings:
        language = "fr"

    Settings.post = post
    return Mailer(night.ledger, planning.mailed(Settings, mail.send), retry_s, now=lambda: night.now, monotonic=time.monotonic)


def test_a_report_goes_out_once_whole_and_is_noted(night, serve, postbox):
    post = mailer(night, with_port(serve()))
    post.finish(10)
    post.finish(10)
    ((_, message),) = postbox.got
    assert message["Subject"] == "[FLUX01] Exécution night, vendredi 27 novembre 2026, 02:30 : rien à signaler"
    assert "Rien à signaler." in message.get_body(("plain",)).get_content()
    assert "<!doctype html>" in message.get_body(("html",)).get_content()
    assert (night.last().mail.state, night.last().mail.attempts) == ("sent", 1)
    assert night.ledger.events("schedule/night")[-1].what == "mail_sent"


def test_a_server_that_is_away_is_tried_again_after_a_while_and_the_report_says_so_meanwhile(night, serve, postbox):
    port = serve()
    postbox.answer = "451 try later"
    post = mailer(night, with_port(port))
    post.finish(10)
    owed = night.last().mail
    assert (owed.state, owed.attempts, (owed.due_at - night.now).total_seconds()) == ("owed", 1, 60.0)
    assert "451 try later" in owed.problem
    postbox.answer = "250 OK"
    post.finish(10)
    assert postbox.got == []  # not due yet
    night.at("2026-11-27 02:32")
    post.finish(10)
    assert (len(postbox.got), night.last().mail.state, night.last().mail.problem) == (1, "sent", "")
    assert [e.what for e in night.ledger.events("schedule/night")][-2:] == ["mail_failed", "mail_sent"]


def test_the_same_trouble_is_told_once_in_the_journal(night):
    post = mailer(night, with_port(1))  # nobody listens there
    for minutes in (0, 2, 20):
        night.at(f"2026-11-27 02:{30 + minutes}")
        post.finish(10)
    assert night.last().mail.attempts == 3
    assert [e.what for e in night.ledger.events("schedule/night")].count("mail_failed") == 1


def test_the_doctor_tells_of_a_report_that_does_not_go_out_and_of_a_run_that_should_be_over(night, tmp_path):
    class Settings:
        schedules, freezes, partners, installation, post = night.site.schedules, (), (), "FLUX01", None

    assert [line.verdict for line in planning.examined(Settings, night.ledger, night.now)] == ["ok"]
    mailer(night, with_port(1)).finish(10)
    night.receive(state=Plumbing.RECEIVED)
    night.at("2026-11-28 02:30").turn().at("2026-11-28 12:00")
    lines = list(planning.examined(Settings, night.ledger, night.now))
    assert [(line.verdict, line.found_is) for line in lines] == [("warn", "schedules_stuck"), ("warn", "schedules_mail"), ("ok", "schedules_next")]
    assert lines[0].found(Words("fr")) == "l'exécution n° 2 de night devait finir le 28/11 06:30"
    assert lines[2].found(Words("en")) == "1 schedule, the next run on 29/11 02:30"


def test_after_three_days_a_report_is_given_up_and_stays_readable(night):
    post = mailer(night, with_port(1))
    night.now += GIVE_UP
    post.finish(10)
    assert night.last().mail.state == "owed"
    night.now += GIVE_UP
    post.finish(10)
    assert night.last().mail.state == "given_up"
    assert night.last().told["totals"]["flows"] == 0


@pytest.mark.parametrize(("slow_s", "state"), [(0.3, "sent"), (1.5, "owed")])
def test_a_report_on_its_way_when_flux_ends_is_noted_where_it_arrives_in_time(night, serve, postbox, slow_s, state):
    postbox.slow_s = slow_s
    post = mailer(night, with_port(serve()))
    time.sleep(1.0)
    post.step()
    post.end(1.0)
    assert night.last().mail.state == state


def test_a_server_that_hangs_stops_no_turn(night, serve, postbox):
    postbox.slow_s = 1.5
    post = mailer(night, with_port(serve()))
    began = time.monotonic()
    for _ in range(20):
        post.step()
    assert time.monotonic() - began < 1
    post.finish(10)
    assert len(postbox.got) == 1


def test_killed_before_it_is_noted_the_report_goes_out_again_under_the_same_id(night, serve, postbox):
    port = serve()
    killed = mailer(night, with_port(port))
    killed.step()
    killed._under_way.thread.join(10)
    mailer(night, with_port(port)).finish(10)
    assert len({message["Message-ID"] for _, message in postbox.got}) == 1
    assert (len(postbox.got), night.last().mail.state) == (2, "sent")


def test_a_recipient_who_is_refused_is_named_and_the_others_get_it_once(night, serve, postbox):
    postbox.refused = {"omar@example.org"}
    post = mailer(night, with_port(serve(), to=("claire@example.org", "omar@example.org")))
    post.finish(10)
    assert (len(postbox.got), night.last().mail.state, night.last().mail.problem) == (1, "sent", "omar@example.org 550")


def test_where_everybody_is_refused_nothing_went_out(serve, postbox):
    postbox.refused = {"claire@example.org"}
    with pytest.raises(Fault, match=r"claire@example\.org 550") as caught:
        mail.send(with_port(serve()), "", a_message())
    assert (caught.value.code, postbox.got) == ("FLX-I186", [])


def test_a_server_without_starttls_is_given_nothing_where_starttls_is_asked_for(serve, postbox):
    with pytest.raises(Fault, match="STARTTLS") as caught:
        mail.send(with_port(serve(), security="starttls"), "", a_message())
    assert (caught.value.code, postbox.got) == ("FLX-I186", [])


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_nobody_vouches_for_is_refused_and_one_that_is_known_is_taken(serve, postbox, certificate, security, monkeypatch):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    port = serve(tls_context=context) if security == "starttls" else serve(ssl_context=context)
    post = with_port(port, host="localhost", security=security)
    with pytest.raises(Fault, match="certificate verify failed"):
        mail.send(post, "", a_message())
    assert postbox.got == []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    mail.send(post, "", a_message())
    assert len(postbox.got) == 1


def test_name_and_password_are_given_and_a_wrong_one_is_told_without_quoting_it(serve, postbox, certificate, monkeypatch):
    def asked(server, session, envelope, mechanism, given):
        return AuthResult(success=given.password == b"s3cret", handled=False)

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    post = with_port(serve(tls_context=context, authenticator=asked, auth_required=True), host="localhost", security="starttls", user="flux")
    with pytest.raises(Fault) as caught:
        mail.send(post, "wr0ng", a_message())
    assert "535" in str(caught.value)
    assert "wr0ng" not in str(caught.value)
    mail.send(post, "s3cret", a_message())
    assert [authenticated for authenticated, _ in postbox.got] == [True]
