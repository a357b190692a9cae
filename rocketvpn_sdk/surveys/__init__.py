"""Surveys: which of them are for this device, the answers to them, and the form in which these go (clause U5).

Touches: nothing. Start with ``offered``.
"""

from rocketvpn_sdk.surveys.offered import Survey, SurveyAnswerOption, SurveyQuestion
from rocketvpn_sdk.surveys.prepared import AnswersQueued, PreparedAnswers

__all__ = ["AnswersQueued", "PreparedAnswers", "Survey", "SurveyAnswerOption", "SurveyQuestion"]
