"""Error pages as the machines in front of an API answer them: never the API's own words."""

from __future__ import annotations

from http import HTTPStatus

_CLOUDFLARE = {
    520: "Web server is returning an unknown error",
    521: "Web server is down",
    522: "Connection timed out",
    523: "Origin is unreachable",
    524: "A timeout occurred",
    525: "SSL handshake failed",
}
_NGINX_PAGE = """<html>
<head><title>{status} {reason}</title></head>
<body>
<center><h1>{status} {reason}</h1></center>
<hr><center>nginx</center>
</body>
</html>
""".replace("\n", "\r\n")
_CLOUDFLARE_PAGE = """<!DOCTYPE html>
<!--[if lt IE 7]> <html class="no-js ie6 oldie" lang="en-US"> <![endif]-->
<!--[if gt IE 8]><!--> <html class="no-js" lang="en-US"> <!--<![endif]-->
<head>
<title>{host} | {status}: {reason}</title>
<meta charset="UTF-8" />
<meta name="robots" content="noindex, nofollow" />
</head>
<body>
<div id="cf-wrapper">
  <div id="cf-error-details" class="p-0">
    <header class="mx-auto pt-10 lg:pt-6 lg:px-8 w-240 lg:w-full mb-8">
      <h1 class="inline-block">
        <span class="inline-block">{reason}</span>
        <span class="code-label">Error code {status}</span>
      </h1>
      <div>Visit <a href="https://www.cloudflare.com/5xx-error-landing">cloudflare.com</a> for more information.</div>
      <div class="mt-3">{date}</div>
    </header>
    <div class="cf-error-footer">Cloudflare Ray ID: <strong class="font-semibold">{ray}</strong></div>
  </div>
</div>
</body>
</html>
"""


def reason_of(status: int) -> str:
    """What a proxy calls this status."""
    if status in _CLOUDFLARE:
        return _CLOUDFLARE[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown Error"


def error_page(status: int, by: str, host: str, date: str, ray: str) -> tuple[bytes, str, dict[str, str]]:
    """Body, content type and headers of an error page by `nginx`, `cloudflare`, or Cloudflare's short `text` form."""
    reason = reason_of(status)
    if by == "nginx":
        return _NGINX_PAGE.format(status=status, reason=reason).encode(), "text/html", {"Server": "nginx"}
    headers = {"Server": "cloudflare", "CF-RAY": f"{ray}-FRA", "Cache-Control": "private, no-store"}
    if by == "text":
        return f"error code: {status}".encode(), "text/plain; charset=UTF-8", headers
    page = _CLOUDFLARE_PAGE.format(status=status, reason=reason, host=host, date=date, ray=ray)
    return page.encode(), "text/html; charset=UTF-8", headers
