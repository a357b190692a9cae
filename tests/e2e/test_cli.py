"""The command line through pipes, as scripts run it, against a real sandbox."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
from support import report_schema
from support.command_line import PASSPHRASE, CommandLine, answered, settings

from rocketvpn_sdk import Config, Event, PassphraseSecrets, RocketVPN
from rocketvpn_sdk.cli import codes
from rocketvpn_sdk.cli.commands import delete_owner as deleting
from rocketvpn_sdk.rights.receipts import check_receipt
from rocketvpn_sdk.sandbox import Sandbox

ERROR = {"code", "message", "remedy", "hint", "retry_at", "exit_code"}
VAULT = {"state", "folder", "secrets", "rotation_owed_since", "generation", "keeps_deleted"}
STATUS = {"vault", "bound", "order", "policy_version", "policy_pending", "notices", "blocked", "waiting", "problem"}
HELD = {
    "field", "place", "category", "sentence", "value", "count", "purposes", "recipients", "since", "until", "kept",
    "correctable", "hold", "undeclared", "code_needed", "pending",
}  # fmt: skip
PLAN = {
    "waits_days",
    "scope", "made_at", "goes", "stays", "other_devices", "server_asked", "consequences", "service_ends", "paid_until",
    "server_told", "server_holds", "server_may_hold", "server_problem", "withheld",
}  # fmt: skip


class Connected(Event, name="session.connected", purpose="service"):
    region: str
    protocol: str
    duration: int


def write_log(sandbox: Sandbox, vault: Path) -> None:
    config = Config(
        sandbox.url, "org.example.vpn", data_dir=vault, secrets=PassphraseSecrets(PASSPHRASE),
        trust=sandbox.ca_file, policy=sandbox.policy, events=[Connected],
    )  # fmt: skip
    with RocketVPN.open(config) as rocket:
        for duration in (5, 47, 5000):
            rocket.journal.record(Connected(region="de-fra", protocol="wireguard", duration=duration))


# ---------------------------------------------------------------- bind, status, unbind


@pytest.mark.clause("C1")
def test_a_process_of_its_own_says_the_same(sandbox: Sandbox, tmp_path: Path):
    """What the other tests call in this process is what people start."""
    cli = CommandLine(settings(tmp_path, sandbox.client_file))
    assert cli.process("bind", sandbox.order()).code == 0
    for arguments in (["status"], ["status", "--json"], ["sent", "--json"], ["no-such-command"], ["age"]):
        assert cli.process(*arguments) == cli.run(*arguments)


def test_bind_status_and_unbind(cli: CommandLine, sandbox: Sandbox, order: str):
    assert "Nothing is stored" in cli.run("status").out
    before = cli.json("status").document
    assert set(before) == STATUS
    assert before["vault"] is None

    done = cli.json("bind", order)
    assert done.code == 0
    assert set(done.document) == {"bound", "order", "device_id", "bound_on", "advice"}
    assert "under 18" in done.document["advice"]

    after = cli.json("status").document
    assert set(after) == STATUS
    assert set(after["vault"]) == VAULT
    assert after["bound"] is True

    online = cli.json("status", "--online").document
    assert online["server_order"]["devices_used"] == 1
    assert "devices" not in online
    assert cli.json("status", "--devices").error["code"] == "authentication-required"
    listed = with_code(sandbox, cli, "status", "--devices", "--json")["devices"]
    assert [device["current"] for device in listed] == [True]
    assert "1 of 3 devices in use" in cli.run("status", "--online").out

    gone = cli.json("unbind", "--yes")
    assert gone.document == {"unbound": True, "this_device": True, "name": None}
    assert cli.json("status").document["bound"] is False
    assert cli.json("unbind").error["code"] == "not-bound"


def test_the_order_number_can_be_read_instead_of_shown_to_every_process(cli: CommandLine, order: str):
    assert cli.json("bind", "-", typed=f"{order}\n").document["bound"] is True
    assert cli.json("correct", "contact_email", "-", typed="no address\n").error["code"] == "value-refused"


def test_the_order_and_the_device_are_masked_wherever_they_need_not_be_shown(bound: CommandLine, order: str):
    report = bound.json("view").document
    device = next(held["value"] for held in report["here"] if held["field"] == "device_id")
    shown = [bound.run(name).out for name in ("status", "sent")]
    shown += [bound.json(*arguments).out for arguments in (["status"], ["sent"], ["log"], ["delete", "--plan"])]
    assert not [text for text in shown if order in text or device in text]
    assert order in bound.run("view").out


def test_errors_have_a_code_a_sentence_and_a_remedy(cli: CommandLine):
    done = cli.run("bind", "RV-NO-SUCH-ORDER")
    assert (done.code, "is bound" in done.out) == (codes.REFUSED, False)
    assert "There is no such order" in done.err

    error = cli.json("bind", "RV-NO-SUCH-ORDER").error
    assert set(error) >= ERROR
    assert error["code"] == "order-not-found"
    assert error["remedy"]

    assert cli.json("bind", "no/order").code == codes.USAGE
    assert cli.json("bind", "RV-2026-0003").error["code"] == "order-expired"


def test_a_full_order_lists_its_devices_and_one_can_be_replaced(sandbox: Sandbox, tmp_path: Path):
    order = sandbox.order(limit=1)
    first = CommandLine(settings(tmp_path / "first", sandbox.client_file))
    second = CommandLine(settings(tmp_path / "second", sandbox.client_file, app_id="org.example.other"))
    assert first.run("bind", order).code == 0

    full = second.json("bind", order)
    assert full.code == codes.REFUSED
    assert full.error["code"] == "device-limit-reached"
    (device,) = full.error["devices"]
    plain = second.run("bind", order).err
    assert device["name"] in plain
    assert device["id"][:8] in plain
    assert "--replace" in plain

    assert second.json("bind", order, "--replace", "nobody's").code == codes.USAGE
    assert second.json("bind", order, "--replace", device["name"]).error["code"] == "authentication-required"
    done = with_code(sandbox, second, "bind", order, "--replace", device["id"][:8].lower(), "--json")
    assert done["bound"] is True
    assert first.json("status", "--online").error["code"] == "device-revoked"


def with_code(sandbox: Sandbox, cli: CommandLine, *arguments: str, mails: int = 1) -> dict:
    """Run a command whose codes come by pipe, and return the document that it prints."""
    return json.loads(answered(cli, sandbox, *arguments, codes=mails))


# ---------------------------------------------------------------- log, view, sent, correct


def test_the_log_can_be_picked_from(bound: CommandLine, sandbox: Sandbox, tmp_path: Path):
    assert "no such entries" in bound.run("log").out
    write_log(sandbox, tmp_path / "vault")

    entries = bound.json("log").document["entries"]
    assert [entry["fields"]["duration"] for entry in entries] == [0, 10, 1800]
    assert set(entries[0]) == {"at", "event", "purpose", "fields"}
    assert len(bound.json("log", "--limit", "2").document["entries"]) == 2
    assert bound.json("log", "--event", "session.failed").document["entries"] == []
    assert len(bound.json("log", "--since", "24h").document["entries"]) == 3
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    assert bound.json("log", "--since", tomorrow).document["entries"] == []
    assert bound.json("log", "--since", "yesterday").code == codes.USAGE
    assert "region=de-fra protocol=wireguard" in bound.run("log").out


@pytest.mark.clause("A1")
def test_view_has_both_sides_and_says_what_it_cannot_know(bound: CommandLine, sandbox: Sandbox, order: str):
    report = bound.json("view").document
    assert {"here", "there", "sent", "caveats", "server_answered", "contact", "made_at"} <= set(report)
    assert all(set(held) == HELD for held in (*report["here"], *report["there"]))
    assert report["server_answered"]

    text = bound.run("view").out
    for part in ("On this device", "At the server", "What was sent", "cannot show", order):
        assert part in text
    assert "contact_email: held back until you enter a code from an e-mail" in text
    assert "`rocketvpn view --with-code` shows what is held back." in text
    assert "kim@example.org" not in text
    assert bound.json("view", "--with-code").error["code"] == "authentication-required"

    held = with_code(sandbox, bound, "view", "--with-code", "--json")["there"]
    shown = {each["field"]: each for each in held}
    assert shown["contact_email"]["value"] == "kim@example.org"
    assert shown["payment_record"]["hold"]["basis"] == "law"
    assert not [each for each in held if each["code_needed"]]


@pytest.mark.clause("A1")
def test_view_works_offline_and_says_what_is_missing(bound: CommandLine, sandbox: Sandbox):
    sandbox.faults.fail(50, status=503, retry_after=None)
    report = bound.json("view")
    assert report.code == 0
    assert report.document["server_answered"] is False
    assert report.document["server_problem"] == "server-error"


def test_sent_lists_fields_and_never_values(bound: CommandLine):
    sent = bound.json("sent").document["sent"]
    assert {"order_number", "device_id", "device_public_key"} == {
        field for each in sent if each["operation"] == "authorize.challenge" for field in each["fields"]
    }
    assert set(sent[0]) == {
        "at", "operation", "purpose", "recipient", "identity", "fields", "protocol", "size", "outcome", "tries",
    }  # fmt: skip
    assert "authorize.challenge" in bound.run("sent", "--limit", "2").out
    assert len(bound.json("sent", "--since", "24h").document["sent"]) == len(sent)
    assert bound.json("sent", "--until", "24h").document["sent"] == []
    assert bound.json("sent", "--since", "yesterday").code == codes.USAGE


@pytest.mark.clause("A2", "A4")
def test_correcting(bound: CommandLine, sandbox: Sandbox):
    assert bound.json("correct", "contact_email", "new@example.org", "--yes").code == codes.USER
    done = with_code(sandbox, bound, "correct", "contact_email", "new@example.org", "--yes", "--json", mails=2)
    assert done["outcome"]["server"]["state"] == "confirmed"
    held = with_code(sandbox, bound, "view", "--with-code", "--json")["there"]
    assert "new@example.org" in [each["value"] for each in held]

    refused = bound.json("correct", "payment_record", "nothing")
    assert refused.code == codes.REFUSED
    assert refused.error["code"] == "not-correctable"
    assert "contact_email" in refused.error["remedy"]
    assert bound.json("correct", "contact_email", "no address").code == codes.USAGE
    assert bound.json("correct", "contact_email").code == codes.USAGE
    assert bound.json("correct", "contact_email", "new@example.org", "--remove").code == codes.USAGE
    assert "no language" in bound.run("correct", "language", "--remove").out


@pytest.mark.clause("M1")
def test_who_is_of_age_can_add_what_was_not_there(bound: CommandLine):
    refused = bound.json("correct", "language", "de")
    assert (refused.code, refused.error["code"]) == (codes.REFUSED, "not-allowed")
    assert bound.json("age").document == {"adult": None, "guardian": False}
    assert bound.json("age", "--adult").document == {"adult": True, "guardian": False}
    assert bound.json("correct", "language", "de").code == 0
    assert "18 or older" in bound.run("age").out
    assert bound.json("age", "--minor", "--yes").document == {"adult": False, "guardian": False}
    assert bound.json("age", "--adult").error["code"] == "age-settled"


# ---------------------------------------------------------------- delete, reset


@pytest.mark.clause("A3", "A4")
def test_deleting_the_account_leaves_a_receipt_that_can_be_checked_again(
    bound: CommandLine, sandbox: Sandbox, tmp_path: Path
):
    plan = bound.json("delete", "--plan").document["plan"]
    assert set(plan) == PLAN
    assert (plan["stays"], "payment_record" in [field["field"] for field in plan["withheld"]]) == ([], True)
    assert "--with-code shows which" in " ".join(bound.run("delete", "--plan").out.split())
    plan = with_code(sandbox, bound, "delete", "--plan", "--with-code", "--json")["plan"]
    assert [field["field"] for field in plan["stays"]] == ["payment_record"]
    assert (tmp_path / "vault").exists()

    receipt = tmp_path / "receipt.json"
    asked = datetime.now(UTC).timestamp()
    done = with_code(sandbox, bound, "delete", "--yes", "--json", "--receipt", str(receipt))
    assert done["outcome"]["here"]["done"] is True
    assert done["outcome"]["server"]["state"] == "confirmed"
    assert not (tmp_path / "vault").exists()
    saved = json.loads(receipt.read_text())
    assert receipt.stat().st_mode & 0o777 == 0o600
    claims = saved["claims"]
    check_receipt(
        saved["token"], saved["keys"], issuer=sandbox.url, request_id=claims["jti"], device_id=claims["device_id"],
        scope="account", requested_at=asked, now=datetime.now(UTC).timestamp(),
    )  # fmt: skip
    assert bound.json("view").error["code"] == "not-bound"

    checked = bound.json("receipt", str(receipt)).document  # the vault is gone; the settings name the root
    assert checked["holds"] is True
    assert checked["claims"] == {"recipients_told": [], **claims}
    elsewhere = CommandLine()  # another machine, with nothing but the receipt and the operator's root
    shown = elsewhere.run("receipt", str(receipt), "--root", str(sandbox.trusted_root))
    assert (shown.code, shown.err) == (codes.DONE, "")
    for part in ("The receipt holds.", sandbox.url, "the whole account", "contact email", "payment record, until",
                 "a law demands it", "the operator's word"):  # fmt: skip
        assert part in " ".join(shown.out.split()), part
    assert elsewhere.json("receipt", str(receipt)).error["code"] == "configuration-invalid"
    receipt.write_text(receipt.read_text().replace("contact_email", "contact_emall"))
    refused = elsewhere.json("receipt", str(receipt), "--root", str(sandbox.trusted_root))
    assert (refused.code, refused.error["code"]) == (codes.REFUSED, "receipt-invalid")


@pytest.mark.clause("A1", "A3", "A4")
def test_an_owner_without_a_device_sees_and_deletes(cli: CommandLine, sandbox: Sandbox, order: str, tmp_path: Path):
    held = with_code(sandbox, cli, "view", "--owner", order, "--json")["there"]
    assert {"order_number", "contact_email"} <= {each["field"] for each in held}
    assert cli.json("delete", "--owner", order).error["code"] == "authentication-required"

    receipt = tmp_path / "receipt.json"
    done = with_code(sandbox, cli, "delete", "--owner", order, "--yes", "--json", "--receipt", str(receipt))
    assert done["outcome"]["server"]["state"] == "confirmed"
    assert done["outcome"]["here"]["done"] is False
    assert json.loads(receipt.read_text())["claims"]["scope"] == "account"
    assert cli.json("status").document["bound"] is False


@pytest.mark.parametrize("options", [["--html", "page.html"], ["--samples", "3"], ["--with-code"]])
def test_an_owners_view_ignores_no_option(cli: CommandLine, options: list[str], tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = cli.json("view", "--owner", "RV-2026-0001", *options)
    assert (done.code, done.error["code"]) == (codes.USAGE, "value-refused")
    assert "--html, --samples and --with-code" in done.error["message"]
    assert not (tmp_path / "page.html").exists()


def test_an_export_takes_the_code_that_view_takes(bound: CommandLine, sandbox: Sandbox, tmp_path: Path):
    done = bound.json("export", str(tmp_path / "mine.zip")).document
    assert (done["server_answered"], done["server_problem"]) == (False, "authentication-required")
    done = with_code(sandbox, bound, "export", str(tmp_path / "all.zip"), "--with-code", "--json")
    assert (done["server_answered"], done["server_problem"]) == (True, None)


@pytest.mark.clause("A3")
def test_an_owner_sees_what_a_deletion_would_do_before_it_is_done(
    cli: CommandLine, bound: CommandLine, sandbox: Sandbox, order: str
):
    held = with_code(sandbox, cli, "view", "--owner", order, "--json")["there"]
    (device,) = [each["value"] for each in held if each["field"] == "device_id"]
    plan = with_code(sandbox, cli, "delete", "--owner", order, "--plan", "--json")["plan"]
    assert [stays["field"] for stays in plan["stays"]] == ["payment_record"]
    assert {"order_number", "contact_email", "device_id"} <= set(plan["goes"])
    assert len(plan["devices"]) == 1
    assert any("The paid service ends" in sentence for sentence in plan["consequences"])
    one = with_code(sandbox, cli, "delete", "--owner", order, "--device", device, "--plan", "--json")["plan"]
    assert "device_id" in one["goes"]
    assert "order_number" not in one["goes"]
    assert order in str(sandbox.rows()["orders"])


@pytest.mark.clause("A3")
def test_an_owners_deletion_is_asked_about_while_the_minutes_last(
    cli: CommandLine, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    naps: list[float] = []
    monkeypatch.setattr("rocketvpn_sdk.cli.ask.authenticator", lambda _: lambda _: sandbox.mail.last_code())
    monkeypatch.setattr("time.sleep", naps.append)
    sandbox.faults.delay_deletions = True
    try:
        late = cli.json("delete", "--owner", sandbox.order(email="late@example.org"), "--yes")
        assert (late.code, len(naps)) == (codes.PENDING, len(deleting._PAUSES))
        assert late.document["outcome"]["server"]["request_id"] in str(sandbox.rows()["rights_requests"])
        monkeypatch.setattr("time.sleep", lambda _: sandbox.faults.release_deletions())
        receipt = ("--receipt", str(tmp_path / "receipt.json"))
        done = cli.json("delete", "--owner", sandbox.order(email="soon@example.org"), "--yes", *receipt)
        assert done.document["outcome"]["server"]["state"] == "confirmed"
        assert json.loads((tmp_path / "receipt.json").read_bytes())["claims"]["scope"] == "account"
    finally:
        sandbox.faults.clear()


@pytest.mark.parametrize(
    "options",
    [["--owner", "RV-1", "--forget"], ["--owner", "RV-1", "--resume"], ["--plan", "--resume"], ["--device", "A"]],
)
def test_an_owners_options_go_with_no_others(cli: CommandLine, options: list[str]):
    assert cli.json("delete", *options).error["code"] == "value-refused"


@pytest.mark.clause("A3")
def test_what_nobody_confirms_is_not_deleted(bound: CommandLine):
    assert bound.run("delete").code == codes.USER
    for name in ("delete", "reset"):
        assert bound.json(name).error["code"] == "confirmation-required"
    assert bound.json("status").document["bound"] is True


@pytest.mark.clause("A3")
def test_a_deletion_without_the_code_is_done_here_and_waits_for_the_user(bound: CommandLine, sandbox: Sandbox):
    done = bound.json("delete", "--yes")
    assert done.code == codes.USER
    assert done.document["outcome"]["here"]["done"] is True
    assert done.document["outcome"]["server"]["state"] == "waiting_for_user"
    status = bound.json("status").document
    assert (status["bound"], status["waiting"]) == (False, 1)

    resumed = with_code(sandbox, bound, "delete", "--resume", "--json")
    assert [state["state"] for state in resumed["server"]] == ["confirmed"]
    assert bound.json("status").document["vault"] is None


@pytest.mark.clause("A3")
def test_a_deletion_offline_is_done_here_and_the_request_can_be_dropped(
    bound: CommandLine, sandbox: Sandbox, tmp_path: Path
):
    sandbox.faults.fail(50, status=503, retry_after=None)
    done = bound.run("delete", "--scope", "device", "--yes")
    assert done.code == codes.PENDING
    assert "could not be told yet" in done.out
    assert "may hold back more" in done.out
    assert bound.json("delete", "--forget").code == codes.USER
    assert bound.json("delete", "--forget", "--yes").document == {"forgotten": 1}
    assert not (tmp_path / "vault").exists()


def test_deleting_the_log_leaves_the_rest(bound: CommandLine, sandbox: Sandbox, tmp_path: Path):
    write_log(sandbox, tmp_path / "vault")
    assert bound.json("delete", "--scope", "logs", "--yes").code == 0
    assert bound.json("log").document["entries"] == []
    assert bound.json("status").document["bound"] is True
    assert "Nothing is waiting" in bound.run("delete", "--resume").out


def test_a_receipt_file_that_cannot_be_written_stops_the_deletion_before_it_begins(bound: CommandLine, tmp_path: Path):
    taken = tmp_path / "receipt.json"
    taken.write_text("mine")
    for path, code in ((taken, codes.USAGE), (tmp_path / "no" / "folder", codes.REFUSED)):
        assert bound.json("delete", "--yes", "--receipt", str(path)).code == code
    assert taken.read_text() == "mine"
    assert bound.json("delete", "--plan", "--resume").code == codes.USAGE
    assert bound.json("status").document["bound"] is True


def test_reset_removes_what_cannot_be_opened(bound: CommandLine, tmp_path: Path):
    (tmp_path / "vault" / "root.key").unlink()
    lost = bound.json("view")
    assert (lost.code, lost.error["code"]) == (codes.DEVICE, "made-without-passphrase")
    assert "reset" not in lost.error["remedy"], "it may as well be one that the keyring opens"
    refused = bound.json("reset", "--yes").error
    assert (refused["code"], "by hand" in refused["remedy"]) == ("made-without-passphrase", True)
    assert (tmp_path / "vault" / "vault.db").exists(), "its key may be in the keyring, and would stay there"
    (tmp_path / "vault" / "root.key").write_text("damaged")
    assert bound.json("view").error["code"] == "secret-corrupt"
    assert bound.json("reset", "--yes").document["reset"] is True
    assert not (tmp_path / "vault").exists()
    assert bound.json("reset", "--yes").document["reset"] is False


# ---------------------------------------------------------------- the report in its other forms


@pytest.mark.clause("A1")
def test_the_report_as_a_page_is_for_its_user_alone(bound: CommandLine, tmp_path: Path):
    page = tmp_path / "report.html"
    done = bound.run("view", "--html", str(page))
    assert (done.code, done.err) == (0, "")
    assert str(page) in done.out.replace("\n", ""), "a long path goes over two lines"
    assert page.stat().st_mode & 0o777 == 0o600
    assert page.read_text("utf-8").rstrip().endswith("</html>")
    assert sorted(path.name for path in tmp_path.iterdir() if "report" in path.name) == ["report.html"]


def test_a_page_that_is_there_is_replaced_only_on_a_word(bound: CommandLine, tmp_path: Path):
    page = tmp_path / "report.html"
    page.write_text("mine")
    page.chmod(0o644)
    refused = bound.json("view", "--html", str(page))
    assert (refused.code, refused.error["code"]) == (codes.USER, "confirmation-required")
    assert page.read_text() == "mine"
    with bound.terminal("view", "--html", str(page)) as terminal:
        terminal.expect("Type replace to replace it:")
        terminal.type("no\n")
        assert terminal.leave() == codes.REFUSED
    assert page.read_text() == "mine"
    assert bound.json("view", "--html", str(page), "--yes").document == {"file": str(page)}
    assert page.stat().st_mode & 0o777 == 0o600
    assert "</html>" in page.read_text("utf-8")


def test_a_page_that_cannot_be_written_leaves_nothing(bound: CommandLine, tmp_path: Path, monkeypatch):
    assert bound.json("view", "--html", str(tmp_path)).error["code"] == "value-refused"
    assert bound.json("view", "--html", str(tmp_path / "no" / "folder.html")).error["code"] == "export-failed"
    page = tmp_path / "report.html"
    page.write_text("mine")
    monkeypatch.setattr("os.fsync", fail)
    assert bound.json("view", "--html", str(page), "--yes").code != 0
    assert page.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def fail(_descriptor: int) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.clause("A1")
def test_the_report_for_programs_is_what_its_schema_says(bound: CommandLine, sandbox: Sandbox, tmp_path: Path):
    write_log(sandbox, tmp_path / "vault")
    report = bound.json("view", "--samples", "2").document
    jsonschema.validate(report, json.loads(report_schema.PATH.read_text("utf-8")))
    assert [entry["fields"]["duration"] for entry in report["log_samples"]] == [10, 1800]
    assert bound.json("view", "--samples", "1001").code == codes.USAGE

    plain = bound.run("view", "--samples", "2")
    assert "duration=1800" in plain.out
    assert max(map(len, plain.out.splitlines())) <= 80
    assert "\x1b" not in plain.out
    for part in ("In short", "Your choices", "Given to authorities", "The policy that applies", "The newest entries"):
        assert part in plain.out


@pytest.mark.clause("A3")
def test_deleting_on_an_unbound_device_says_that_the_server_is_not_told(bound: CommandLine, order: str):
    assert bound.json("unbind", "--yes").code == 0
    plan = bound.run("delete", "--plan")
    assert "is not told" in " ".join(plan.out.split())
    assert "delete --owner ORDER" in " ".join(plan.out.split())
    assert "paid service ends" not in plan.out
    assert "Goes from the server" not in plan.out
    done = bound.run("delete", "--yes")
    assert done.code == codes.PENDING
    assert "The server was not told" in done.out


@pytest.mark.clause("A3")
def test_what_the_receipt_says_is_printed_and_what_it_does_not_say(capsys: pytest.CaptureFixture[str]):
    from rocketvpn_sdk import wire
    from rocketvpn_sdk.cli.commands.delete_shown import show_server
    from rocketvpn_sdk.cli.output import Out
    from rocketvpn_sdk.rights import Receipt, Server

    def said(*erased: str) -> str:
        claims = wire.ReceiptClaims(
            iss="https://x", jti="1", iat=1, device_id="d", scope="account", erased=list(erased)
        )
        receipt = Receipt(token="t", keys="{}", claims=claims)
        show_server(Out(json=False), Server(state="confirmed", receipt=receipt), None, expected=("language", "region"))
        return " ".join(capsys.readouterr().out.split())

    some = said("language")
    assert "has deleted this, and has signed that: language." in some
    assert "does not say that it deleted it: region." in some
    nothing = said()
    assert "nothing for it to delete" in nothing
    assert "does not say that it deleted it: language and region." in nothing
    assert "!" not in said("language", "region")


@pytest.mark.clause("A1")
def test_a_removed_device_is_told_so_and_how_its_owner_goes_on(bound: CommandLine, sandbox: Sandbox, order: str):
    (device,) = [row["id"] for row in sandbox.rows()["devices"] if row["order_number"] == order]
    sandbox.faults.revoke_device(device)
    shown = " ".join(bound.run("view").out.split())
    assert "This device was removed from the order" in shown
    assert "rocketvpn view --owner ORDER" in shown
    assert "device-revoked" not in shown
    planned = " ".join(bound.run("delete", "--plan").out.split())
    assert "rocketvpn delete --owner ORDER" in planned


def test_a_copy_of_a_bound_machine_is_told_and_binds_as_a_device_of_its_own(sandbox: Sandbox, tmp_path: Path):
    order = sandbox.order(limit=3)
    first = CommandLine(settings(tmp_path / "first", sandbox.client_file))
    copied = CommandLine(settings(tmp_path / "copied", sandbox.client_file))
    assert first.run("bind", order).code == 0

    told = copied.json("bind", order)
    assert (told.code, told.error["code"]) == (codes.REFUSED, "device-exists")
    (device,) = told.error["devices"]
    plain = copied.run("bind", order).err
    assert device["name"] in plain
    assert "--another" in plain
    assert "--replace" in plain

    assert copied.run("bind", order, "--another").code == 0
    assert first.json("status", "--online").document["server_order"]["devices_used"] == 2
