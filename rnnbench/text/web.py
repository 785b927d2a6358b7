"""How texts are asked for: http and https and nothing else, with redirects that cannot lead astray."""

import ssl
import urllib.request
from http.client import HTTPMessage
from typing import IO
from urllib.parse import urlsplit

from rnnbench.errors import UnavailableError, UsageError
from rnnbench.text.catalogue import check_address
from rnnbench.visible import visible

_MAXIMUM_REDIRECTIONS = 5


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a few redirects, to http and https only, and never from https down to http."""

    max_redirections = _MAXIMUM_REDIRECTIONS

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        """The request that follows. Raises UnavailableError for one that must not be made."""
        fp.close()  # unread: the body of a redirect may be endless
        try:
            check_address(newurl)
        except UsageError as error:
            raise UnavailableError(
                f"{visible(req.host)} redirects to what is not fetched: {visible(error.message)}"
            ) from None
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            raise UnavailableError(f"{visible(req.host)} redirects from https down to {visible(newurl, limit=200)}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def make_opener() -> urllib.request.OpenerDirector:
    """An opener that speaks http and https and nothing else: no file, ftp or data addresses."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        urllib.request.HTTPDefaultErrorHandler(),
        _SafeRedirects(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def validator_of(headers: HTTPMessage) -> str:
    """What If-Range may hold: a strong entity tag, else the date (RFC 9110, section 13.1.5)."""
    tag = str(headers.get("ETag", "")).strip()
    return tag if tag.startswith('"') else str(headers.get("Last-Modified", "")).strip()


def words_for(error: object) -> str:
    """The reason a connection failed, in one line."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {visible(error.verify_message)}"
    words = (error.strerror if isinstance(error, OSError) else "") or str(error) or type(error).__name__
    return visible(words, limit=200)
