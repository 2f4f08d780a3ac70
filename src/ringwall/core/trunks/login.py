"""Our digest login at a carrier (RFC 3261 22, RFC 7616, RFC 8760).

Rules that this module keeps:
- The strongest algorithm that the carrier offers is used. qop=auth comes first; a challenge without qop, as
  old servers send it, is answered in the way of RFC 2069.
- A request is sent again once. A second challenge is an answer: the login is wrong, unless the carrier says
  that only the nonce was too old.
- The password is asked for when it is needed and kept nowhere here.
"""

import hashlib
import secrets

from ringwall.sip.digest import Challenge, ha1
from ringwall.sip.errors import ParseError
from ringwall.sip.headers import AuthValue
from ringwall.sip.message import Request, Response

_ANSWERS = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}
_HASHES = {"SHA-256": hashlib.sha256, "MD5": hashlib.md5}


def credentials(request: Request, response: Response, username: str, password: str) -> tuple[str, str] | None:
    """The header that answers a 401 or 407 to `request`.

    None where it cannot be answered, or was answered before and the carrier still says no.
    """
    names = _ANSWERS.get(response.status)
    if names is None or not username:
        return None
    challenge_name, answer_name = names
    values = response.headers.all(challenge_name)
    stale = any("stale=true" in value.lower().replace('"', "") for value in values)
    if answer_name in request.headers and not stale:
        return None
    found = [answer for value in values if (answer := _answer(value, request, username, password))]
    if not found:
        return None
    return answer_name, max(found)[1]


def _answer(text: str, request: Request, username: str, password: str) -> tuple[int, str] | None:
    """How much an answer is worth, and the answer."""
    try:
        challenge = Challenge.parse(text)
    except ParseError:
        return _old_answer(text, request, username, password)
    secret = ha1(challenge.algorithm, username, challenge.realm, password)
    made = challenge.answer(username, secret, request.method, request.uri, 1, secrets.token_hex(8))
    return (3 if challenge.algorithm == "SHA-256" else 2), str(made)


def _old_answer(text: str, request: Request, username: str, password: str) -> tuple[int, str] | None:
    """RFC 2069: a challenge without qop."""
    try:
        value = AuthValue.parse(text)
    except ParseError:
        return None
    params = value.params
    algorithm = params.get("algorithm", "MD5").upper()
    if value.scheme.lower() != "digest" or "qop" in params or algorithm not in _HASHES:
        return None
    if "realm" not in params or "nonce" not in params:
        return None
    secret = ha1(algorithm, username, params["realm"], password)
    digest = _HASHES[algorithm]
    target = digest(f"{request.method}:{request.uri}".encode()).hexdigest()
    answer = {
        "username": username,
        "realm": params["realm"],
        "nonce": params["nonce"],
        "uri": request.uri,
        "response": digest(f"{secret}:{params['nonce']}:{target}".encode()).hexdigest(),
        "algorithm": algorithm,
    }
    if "opaque" in params:
        answer["opaque"] = params["opaque"]
    return 1, str(AuthValue("Digest", answer))
