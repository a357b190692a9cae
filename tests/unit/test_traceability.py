from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from support import traceability
from support.clauses import CLAUSES
from support.traceability import PAGE, ROOT, WHAT, Proof, anchor, collect, page, state


def test_the_page_is_what_the_tests_say_today():
    assert PAGE.read_text("utf-8") == page(), "run `python tests/support/traceability.py`"


def test_every_clause_has_its_say():
    assert list(WHAT) == list(CLAUSES)
    for clause, what in WHAT.items():
        assert what.does.endswith("."), clause
        assert not what.missing.endswith("."), clause
        assert what.code or what.missing, clause


def test_the_files_that_are_named_are_there():
    gone = [file for what in WHAT.values() for file in what.code if not (ROOT / traceability.PACKAGE / file).is_file()]
    assert gone == []


def test_a_clause_without_a_test_is_listed_by_name_as_open():
    proofs = collect()
    section = page(proofs).partition("## Open clauses\n")[2].partition("\n## ")[0]
    for clause in CLAUSES:
        assert (f"- **{clause}**" in section) == (state(clause, proofs) == "open")
    nothing = page({clause: [] for clause in CLAUSES})
    assert all(f"- **{clause}**" in nothing for clause in CLAUSES)
    assert "a test that proves it" in nothing


def test_the_states():
    proof = [Proof("tests/test_a.py", "test_a")]
    assert state("C1", {"C1": proof}) == "held"
    assert state("M1", {"M1": proof}) == "in part"
    assert state("C1", {"C1": []}) == "open"
    everything = page(dict.fromkeys(CLAUSES, proof))
    assert "## Open clauses\n\nNone.\n" in everything


def test_marks_are_found_wherever_pytest_takes_them(tmp_path: Path):
    tests = tmp_path / "tests"
    (tests / "deep").mkdir(parents=True)
    (tests / "deep" / "test_a.py").write_text(
        textwrap.dedent("""
            import pytest

            @pytest.mark.clause("C1", "C2")
            def test_a(): ...

            @pytest.mark.parametrize("n", [pytest.param(1, marks=pytest.mark.clause("C3"))])
            async def test_b(n): ...

            @pytest.mark.clause("U1")
            class TestAll:
                @pytest.mark.clause("U2")
                def test_c(self): ...

            class TestMarked:
                pytestmark = [pytest.mark.clause("U3")]

            def helper():
                return pytest.mark.clause("A1")
        """),
        "utf-8",
    )
    (tests / "test_b.py").write_text('import pytest\npytestmark = pytest.mark.clause("T1")\n', "utf-8")
    (tests / "other.py").write_text('import pytest\npytestmark = pytest.mark.clause("T2")\n', "utf-8")
    file = "tests/deep/test_a.py"
    assert {clause: proofs for clause, proofs in collect(tests).items() if proofs} == {
        "C1": [Proof(file, "test_a")],
        "C2": [Proof(file, "test_a")],
        "C3": [Proof(file, "test_b")],
        "U1": [Proof(file, "TestAll")],
        "U2": [Proof(file, "TestAll.test_c")],
        "U3": [Proof(file, "TestMarked")],
        "T1": [Proof("tests/test_b.py", "")],
    }


@pytest.fixture(scope="module")
def text() -> str:
    return page()


@pytest.mark.parametrize("clause", CLAUSES)
def test_the_table_leads_to_the_sections(clause: str, text: str):
    assert f"](#{anchor(clause)})" in text
    assert f"\n## {clause}: " in text
