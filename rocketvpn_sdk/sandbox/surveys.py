"""Answers to surveys (U5): taken from the gateway, held against the signed list, kept under a random number."""

from __future__ import annotations

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox.http_messages import (
    Refused,
    ServerRequest,
    ServerResponse,
    digest,
    invalid,
    json_response,
    read_body,
)
from rocketvpn_sdk.sandbox.reports import idempotency_key, is_erased
from rocketvpn_sdk.sandbox.rows import add, one
from rocketvpn_sdk.sandbox.services import Services
from rocketvpn_sdk.sandbox.tables import SurveyResponseRow

PATH = "/v1/surveys/{survey_id}/responses"


def take(services: Services, request: ServerRequest) -> ServerResponse:
    """Serve ``POST /v1/surveys/{survey_id}/responses``: keep a response, once for each idempotency key."""
    survey = _survey(services, request.params["survey_id"])
    response = read_body(request, wire.SurveyResponse)
    for place, answer in enumerate(response.answers):
        if not _fits(survey, answer):
            raise invalid("does not answer a question of this survey", f"/answers/{place}")
    row = SurveyResponseRow(
        id_hash=digest(idempotency_key(request)),
        handle_hash=digest(response.erasure_handle),
        survey=survey.id,
        body=request.body.decode(),
        received_on=services.today(),
        expires_at=services.kept_until("survey_text"),
    )
    with services.database.begin() as db:
        if not is_erased(db, response.erasure_handle) and one(db, SurveyResponseRow, id_hash=row.id_hash) is None:
            add(db, row)
    return json_response({})


def _survey(services: Services, survey_id: str) -> wire.ListedSurvey:
    content = services.repository.target(wire.SURVEYS_TARGET)
    listed = wire.SurveyList() if content is None else msgspec.json.decode(content, type=wire.SurveyList)
    for survey in listed.surveys:
        if survey.id == survey_id:
            return survey
    raise Refused("not-found")


def _fits(survey: wire.ListedSurvey, answer: wire.SurveyAnswer) -> bool:
    question = next((each for each in survey.questions if each.id == answer.question), None)
    if question is None:
        return False
    given = [name for name in ("choice", "rating", "text") if getattr(answer, name) is not None]
    kind = "choice" if question.kind in ("one", "several") else question.kind
    return given == [kind] and (kind != "choice" or answer.choice in {choice.id for choice in question.choices})
