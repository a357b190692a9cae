"""``rocket.surveys``: which surveys there are for this user, and the answers to them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from rocketvpn_sdk.arguments import checks_arguments
from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.consent.reports import ANSWER, ERASE, FIELD, RELAYED
from rocketvpn_sdk.consent.responses import SURVEY, SURVEYS, SurveyRecord, erase_response, response_item
from rocketvpn_sdk.context import Context
from rocketvpn_sdk.errors import ValueRefused
from rocketvpn_sdk.groups.choosing import Choosing
from rocketvpn_sdk.policy.wording import text_in
from rocketvpn_sdk.signed_files.lists import keep_route, read_list
from rocketvpn_sdk.surveys.answers import LONGEST_TEXT, TEXT, Part, decode, encode, parts_of
from rocketvpn_sdk.surveys.offered import Survey, shown, usable
from rocketvpn_sdk.surveys.prepared import AnswersQueued, PreparedAnswers
from rocketvpn_sdk.wire import SURVEYS_TARGET, ListedSurvey, SurveyList

if TYPE_CHECKING:
    from rocketvpn_sdk.signed_files import TrustedFiles
    from rocketvpn_sdk.transport import Api

PURPOSE, RECORD = "surveys", "survey_record"
_ROUNDS = 8
"""How often words are looked through at most, until nothing more is found."""
_uniform = secrets.SystemRandom().uniform
_NONE = "there is no such survey to answer now"
_SETTLED = "this survey was answered already, or declined"
_TOO_LONG = "a text is too long once what points to you is replaced"
_NOT_CLEAN = "what points to you cannot be taken out of a text; write it in other words"
_NOT_PREPARED = "they were not prepared here, or for another survey"
_USED = "they were given and taken back; prepare them again"
_NOT_HERE = "no answers of yours to this survey can be found any more"


@checks_arguments
class Surveys:
    """``rocket.surveys``. Thread-safe.

    Every device fetches the same list. Which surveys are for it is decided here, and told to nobody.

    Args:
        context: the vault, the queue and the limits.
        trusted: returns the operator's signed files.
        connect: returns the calls; the network is loaded with the first use.
        app_version: of the app; ``None``: it did not say.
    """

    def __init__(
        self,
        context: Context,
        trusted: Callable[[], TrustedFiles],
        connect: Callable[[], Api],
        app_version: str | None,
    ) -> None:
        self._context = context
        self._trusted = trusted
        self._connect = connect
        self._choosing = Choosing(context, PURPOSE, RECORD, SURVEYS, SurveyRecord, app_version)
        self._used: set[str] = set()
        """The numbers of answers that were given: the operator keeps nothing more under one that was erased."""

    def available(self, language: str = "en") -> tuple[Survey, ...]:
        """Fetch the signed list, and return the surveys that are for this user; none without a consent to ``surveys``.

        The same is fetched with a consent and without one: call it for every user.

        Args:
            language: BCP 47; English where a survey lacks it.

        Raises:
            UpdateRefused: what came cannot be trusted.
            TransportError, ServerError: the server cannot be asked now.
            ConfigurationError: the app has no ``trusted_root``.
            VaultLocked: unlock first.
        """
        files = self._trusted()
        files.refresh()
        keep_route(files)
        return tuple(shown(listed, language) for listed in self._offered(files))

    def prepare(
        self, survey_id: str, answers: Mapping[str, str | int | Sequence[str]], language: str = "en"
    ) -> PreparedAnswers:
        """Return the answers exactly as they would be sent, to be shown. Nothing is sent.

        Args:
            survey_id: of a survey that is ``available``.
            answers: by the id of the question: the id of an option, several ids, a number from 1 to 5, or a text. A
                question that is not required can be left out.
            language: BCP 47, for the policy's words around them; English where the policy lacks it.

        Raises:
            ValueRefused: there is no such survey to answer, or an answer does not fit its question.
            EgressBlocked: the policy or a missing consent does not let it go.
            UpdateRefused, TransportError, ServerError: there is no list here that can be trusted, and none came.
        """
        self._require_allowed()
        parts = parts_of(self._listed(survey_id), answers)
        handle, api = secrets.token_hex(16), self._connect()
        judged = _as_they_may_go(api, survey_id, [{FIELD: handle}, *parts])
        policy = self._context.permit.policy
        return PreparedAnswers(
            survey=survey_id,
            body=encode(judged),
            texts=any(TEXT in part for part in judged),
            operator=text_in(policy.recipients[policy.operations[ANSWER].recipient].sentence, language),
            relay=text_in(policy.recipients[policy.operations[RELAYED[ANSWER]].recipient].sentence, language),
            server=api.server,
            handle=handle,
        )

    def answer(
        self, survey_id: str, answers: PreparedAnswers | Mapping[str, str | int | Sequence[str]]
    ) -> AnswersQueued:
        """Send answers, and nothing else: they wait for a random time, and then go with the next delivery.

        That is with ``rocket.sync()``, or by the background worker. They go through a relay, with a random number of
        their own, so that nobody learns whose they are. ``erase`` takes them back, and so does withdrawing the consent.

        Args:
            survey_id: of a survey that is ``available``.
            answers: what ``prepare`` returned, once the user saw it; or what ``prepare`` takes.

        Raises:
            EgressBlocked: the policy or a missing consent does not let them go, or would not let the request go with
                which they can be erased; nothing was sent.
            ValueRefused: there is no such survey to answer, or the answers do not fit it.
            VaultError: nothing was written, and nothing will be sent.
            RocketVPNError: as ``prepare``.
        """
        if not isinstance(answers, PreparedAnswers):
            answers = self.prepare(survey_id, answers)
        self._require_allowed()
        self._listed(survey_id, settled=True)
        _require_prepared(answers, survey_id)
        vault, queue, now = self._context.vault, self._context.queue, self._context.clock.time()
        due_at = now + _uniform(0.0, self._context.limits.report_delay)
        item = response_item(survey_id, answers.body.decode(), due_at, now)
        with vault.write() as transaction:
            record = transaction.get(SURVEYS, SurveyRecord)
            if record is None:  # the consent ended meanwhile
                raise ValueRefused(name="survey_id", problem=_NONE)
            if record.is_settled(survey_id):
                raise ValueRefused(name="survey_id", problem=_SETTLED)
            if answers.handle in self._used:
                raise ValueRefused(name="answers", problem=_USED)
            transaction.put(SURVEYS, record.with_answer(survey_id, answers.handle, vault.now()))
            queue.add(transaction, item)
        self._used.add(answers.handle)
        return AnswersQueued(request_id=item.id, not_before=utc(due_at))

    def decline(self, survey_id: str) -> None:
        """Remember that the user does not want to answer a survey; it is not offered again. Nothing is sent.

        Raises:
            ValueRefused: there is no such survey to answer.
            VaultLocked: unlock first.
            RocketVPNError: as ``prepare``.
        """
        self._listed(survey_id)
        with self._context.vault.write() as transaction:
            record = transaction.get(SURVEYS, SurveyRecord)
            if record is not None:  # else the consent ended meanwhile
                transaction.put(SURVEYS, record.with_declined(survey_id))

    def erase(self, survey_id: str) -> None:
        """Take back the answers to a survey: drop them if they wait, and have the operator erase what was sent.

        The request goes with the next delivery, through the relay. The survey can then be answered again.

        Raises:
            ValueRefused: it was not answered here, or too long ago: the number is gone by which they could be found.
            VaultLocked: unlock first.
        """
        vault, queue = self._context.vault, self._context.queue
        with vault.write() as transaction:
            record = transaction.get(SURVEYS, SurveyRecord)
            answered = record.answer_to(survey_id) if record is not None else None
            if record is None or answered is None or not answered.handle:
                raise ValueRefused(name="survey_id", problem=_NOT_HERE)
            erase_response(transaction, queue, answered, self._context.clock.time())
            transaction.put(SURVEYS, record.without(survey_id))
            transaction.request_rotation(self._context.clock.time())

    # ---------------------------------------------------------------- inside

    def _offered(self, files: TrustedFiles, *, settled: bool = False) -> list[ListedSurvey]:
        """Return what is for this user, whoever may see it: what is fetched is the same.

        ``settled``: also what was answered or declined.
        """
        listed = list(usable(read_list(files, SURVEYS_TARGET, SurveyList)))
        record = self._choosing.record()
        if record is None:
            return []
        found = self._choosing.of(listed, record)
        return [survey for survey in found if settled or not record.is_settled(survey.id)]

    def _listed(self, survey_id: str, *, settled: bool = False) -> ListedSurvey:
        for survey in self._offered(self._trusted(), settled=settled):
            if survey.id == survey_id:
                return survey
        raise ValueRefused(name="survey_id", problem=_NONE)

    def _require_allowed(self) -> None:
        self._connect().oblivious.require_allowed(ANSWER, RELAYED[ANSWER], ERASE, RELAYED[ERASE])


def _as_they_may_go(api: Api, survey_id: str, parts: Sequence[Part]) -> Sequence[Part]:
    """Return ``parts`` with everything taken out that may not go, so that the guard finds no more when they do go.

    What was put in place of one thing can complete another: ``[ip]-@`` before a card number becomes an address.
    """
    for _ in range(_ROUNDS):
        judged = api.oblivious.judged(ANSWER, parts, {SURVEY: survey_id})
        if judged == parts:
            return judged
        if any(len(part.get(TEXT, "")) > LONGEST_TEXT for part in judged):
            raise ValueRefused(name="answers", problem=_TOO_LONG)
        parts = judged
    raise ValueRefused(name="answers", problem=_NOT_CLEAN)


def _require_prepared(answers: PreparedAnswers, survey_id: str) -> None:
    try:
        shared = decode(answers.body)[0]
    except ValueError:
        shared = {}
    if answers.survey != survey_id or shared.get(FIELD) != answers.handle:
        raise ValueRefused(name="answers", problem=_NOT_PREPARED)
