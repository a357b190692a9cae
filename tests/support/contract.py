"""docs/openapi.yaml as a judge: whether a request or an answer is what the contract says."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import yaml
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from werkzeug.datastructures import Headers, ImmutableMultiDict

from rocketvpn_sdk.sandbox import RecordedRequest

OPENAPI_FILE = Path(__file__).parents[2] / "docs" / "openapi.yaml"
_ANY = "https://server.example"
"""Stands for every server: what the contract says does not depend on where one is, and reading it takes a second."""


def load() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(OPENAPI_FILE.read_text("utf-8"))
    return document


@dataclass
class _Request:
    host_url: str
    path: str
    method: str
    content_type: str
    body: bytes | None
    parameters: RequestParameters = field(default_factory=RequestParameters)


@dataclass
class _Response:
    status_code: int
    content_type: str
    headers: Headers
    data: bytes | None


def _text(raw: bytes, **_: str) -> str:
    return raw.decode()


def _json(raw: bytes, **_: str) -> Any:
    return json.loads(raw)


@cache
def _judge() -> OpenAPI:
    document = load() | {"servers": [{"url": _ANY}]}
    decoders = {
        "application/jwt": _text,
        "text/html": _text,
        "application/jwk-set+json": _json,
        "application/problem+json": _json,
        "application/merge-patch+json": _json,
    }
    return OpenAPI.from_dict(document, config=Config(extra_media_type_deserializers=decoders))


class Contract:
    """The contract, wherever the server is."""

    def check_request(self, received: RecordedRequest) -> None:
        """Raise if ``received`` is not what the contract says."""
        _judge().validate_request(self._request(received))

    def check_answer(self, answer: httpx.Response) -> None:
        """Raise if ``answer`` is not what the contract says for its request."""
        sent = answer.request
        received = RecordedRequest(
            method=sent.method,
            path=sent.url.raw_path.decode(),
            headers=tuple((name.lower(), value) for name, value in sent.headers.items()),
            body=sent.content,
        )
        response = _Response(
            status_code=answer.status_code,
            content_type=answer.headers.get("Content-Type", ""),
            headers=Headers(list(answer.headers.items())),
            data=answer.content or None,
        )
        _judge().validate_response(self._request(received), response)

    def _request(self, received: RecordedRequest) -> _Request:
        path = urlsplit(received.path)
        parameters = RequestParameters(
            query=ImmutableMultiDict(httpx.QueryParams(path.query).multi_items()),
            header=Headers(list(received.headers)),
        )
        return _Request(
            host_url=_ANY,
            path=path.path,
            method=received.method.lower(),
            content_type=received.header("content-type") or "",
            body=received.body or None,
            parameters=parameters,
        )
