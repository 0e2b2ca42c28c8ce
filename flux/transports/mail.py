"""Mail, through SMTP: one message handed to the server that is set, or a Fault. Nothing is kept here; what is owed stands in the ledger."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage

from flux._scheduled import Post
from flux.faults import Fault


def send(post: Post, password: str, message: EmailMessage) -> str:
    """
    Give *message* to the server. Gives "", or for whom it did not take it: the others have it, and are not sent it again. Raises Fault otherwise.

    The server's certificate is checked with starttls as with tls; a server that does not offer starttls where it is asked for is given nothing.
    """
    try:
        with _connected(post) as server:
            if post.user:
                server.login(post.user, password)
            refused = server.send_message(message)
    except (OSError, smtplib.SMTPException, ValueError) as error:  # SMTPException is an OSError; ValueError: an address or a password that is no ASCII
        raise Fault("FLX-I186", host=f"{post.host}:{post.port}", detail=_words(error)) from error
    return ", ".join(f"{to} {code}" for to, (code, _) in sorted(refused.items()))


@contextmanager
def _connected(post: Post) -> Iterator[smtplib.SMTP]:
    safe = ssl.create_default_context()
    if post.security == "tls":
        with smtplib.SMTP_SSL(post.host, post.port, timeout=post.timeout_s, context=safe) as server:
            yield server
        return
    with smtplib.SMTP(post.host, post.port, timeout=post.timeout_s) as server:
        if post.security == "starttls":
            server.starttls(context=safe)
        yield server


def _words(error: Exception) -> str:
    """What the server said, without our own name for it, and never the password: smtplib quotes none."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return ", ".join(f"{to} {code}" for to, (code, _) in sorted(error.recipients.items()))
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else str(error.smtp_error)
        return f"{error.smtp_code} {said}"
    return str(error) or type(error).__name__
