"""What ``view`` returns, and the forms in which it is shown."""

from __future__ import annotations

from pathlib import Path

import msgspec

from rocketvpn_sdk.arguments import checked
from rocketvpn_sdk.files import loading
from rocketvpn_sdk.rights.report.model import ReportContent
from rocketvpn_sdk.visible import escaped_json


class Report(ReportContent, frozen=True, kw_only=True):
    """Everything held about this user, here and at the server (A1)."""

    @checked
    def to_html(self, language: str = "en") -> str:
        """Return the report as one HTML page, complete in itself: nothing in it asks anything of the network.

        Args:
            language: BCP 47, of the page's own words; English where there is no catalogue for it. What the policy says
                is in ``self.language``.
        """
        with loading(Path(__file__).parent):
            from rocketvpn_sdk.rights.report.html import render  # brings jinja2, which nothing else needs

            return render(self, language)

    def to_json(self) -> str:
        """Return the report as JSON, as docs/report.schema.json describes it."""
        return escaped_json(msgspec.json.format(msgspec.json.encode(self), indent=2)).decode()
