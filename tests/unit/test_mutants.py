"""The tool that puts mistakes into the package: what it changes, what it leaves alone, what it makes of the outcome."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from support import mutant_map, mutants, mutating
from support.mutants import Result
from support.mutating import Mutant, compiles, find

SAMPLE = '''
"""A docstring with 1 number."""
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    LIMIT = 5

MOST = 7


class Thing:
    size: int = 3

    def __repr__(self) -> str:
        return "a" if self.size > 2 else "b"

    def fits(self, wanted: int, *, strict: bool = True) -> bool:
        """Say whether 9 fits."""
        if wanted <= self.size and not strict:
            raise ValueError(f"no {wanted + 1}")
        try:
            self.note(wanted, self.size)
            self.out.say()
        except (KeyError, OSError):
            self.seen = min(wanted, 4)
        return wanted in range(self.size)
'''


def kinds() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for mutant in find("thing.py", SAMPLE):
        found.setdefault(mutant.kind.partition("#")[0], set()).add(mutant.now)
    return found


def test_each_kind_of_mistake_is_the_edit_that_it_says() -> None:
    found = kinds()
    assert found["compared"] >= {
        "if wanted < self.size and not strict:",
        "if wanted > self.size and not strict:",
        "return wanted not in range(self.size)",
    }
    assert found["or"] == {"if ((wanted <= self.size) or (not strict)):"}
    assert found["part-dropped"] == {"if ((not strict)):", "if ((wanted <= self.size)):"}
    assert found["not-dropped"] == {"if wanted <= self.size and strict:"}
    assert {"if True:", "if False:"} == found["always"] | found["never"]
    assert found["raise-removed"] == {"pass"}
    assert found["call-removed"] == {"pass"}
    assert found["assignment-removed"] == {"pass"}
    assert found["arguments-swapped"] >= {"self.note(self.size, wanted)"}
    assert found["except-widened"] == {"except Exception:"}
    assert found["except-narrowed"] == {"except (OSError,):", "except (KeyError,):"}
    assert found["twin"] == {"self.seen = max(wanted, 4)"}
    assert found["return"] == {"return not (wanted in range(self.size))"}
    assert found["constant"] == {
        "MOST = 8",
        "MOST = 6",
        "size: int = 4",
        "size: int = 2",
        "def fits(self, wanted: int, *, strict: bool = False) -> bool:",
        "self.seen = min(wanted, 5)",
        "self.seen = min(wanted, 3)",
    }


def test_what_is_for_people_and_for_type_checkers_stays() -> None:
    lines = {mutant.was for mutant in find("thing.py", SAMPLE)}
    for part in ("say()", "docstring", "LIMIT", '"a" if', "Say whether", "import"):
        assert not any(part in line for line in lines)
    assert not any("wanted + 2" in mutant.now or "wanted - 1" in mutant.now for mutant in find("thing.py", SAMPLE))


def test_each_mutant_has_a_name_of_its_own_and_is_python_with_that_one_change() -> None:
    found = find("thing.py", SAMPLE)
    assert len({mutant.name for mutant in found}) == len(found)
    for mutant in found:
        text = mutant.applied(SAMPLE)
        assert compiles(text)
        assert text != SAMPLE
        assert text.count("\n") <= SAMPLE.count("\n")
    assert not compiles("if True")


def test_a_sample_is_the_same_for_a_seed_and_takes_each_statement_once() -> None:
    all_of_it = mutants.everything("clock")
    first, second = (mutants.sample(all_of_it, 15, 3, set()) for _ in range(2))
    assert first == second
    assert first != mutants.sample(all_of_it, 15, 4, set())
    assert len({(mutant.file, mutant.statement) for mutant in first}) == len(first) == 15
    assert first[0] not in mutants.sample(all_of_it, 15, 3, {first[0]})


def test_what_only_shows_the_sdk_is_left_out_unless_it_is_asked_for() -> None:
    everything = mutants.everything("")
    assert not [file for file in everything if file.startswith(("sandbox/", "testing/", "cli/demo/"))]
    assert {"vault/header.py", "cli/app.py"} <= everything.keys()
    assert "sandbox/tokens.py" in mutants.everything("sandbox/tokens")


def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **entry: str) -> tuple[set[Mutant], list[str]]:
    monkeypatch.setattr(mutants, "LISTS", tmp_path)
    lines = [f"{name} = '''{value}'''" for name, value in entry.items()]
    (tmp_path / "equivalent.toml").write_text("[[mutant]]\n" + "\n".join(lines))
    return mutants.equivalent({"thing.py": find("thing.py", SAMPLE)})


def test_one_that_changes_nothing_is_known_by_its_lines_and_needs_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = {"file": "thing.py", "was": "MOST = 7", "now": "MOST = 8"}
    same, gone = listed(tmp_path, monkeypatch, **entry, why="Nobody reads it.")
    assert [mutant.now for mutant in same] == ["MOST = 8"]
    assert gone == []
    assert listed(tmp_path, monkeypatch, **entry, why=" ")[1] != []
    assert listed(tmp_path, monkeypatch, **entry | {"was": "MOST = 6"}, why="It was.")[1] != []


def test_the_lists_are_such_as_the_tool_reads() -> None:
    for name, part, needed in (("rows", "row", {"row", "file", "was", "now"}), ("equivalent", "mutant", {"why"})):
        document = tomllib.loads((mutants.LISTS / f"{name}.toml").read_text("utf-8"))
        for entry in document.get(part, []):
            assert needed <= entry.keys()
            for test in entry.get("tests", []):
                assert (mutants.ROOT / test.partition("::")[0]).is_file()


@pytest.mark.parametrize(("noticed", "of", "least"), [(184, 200, 0), (183, 200, 1)])
def test_too_few_noticed_is_a_failure(noticed: int, of: int, least: int) -> None:
    mutant = find("thing.py", SAMPLE)[0]
    results = [Result(mutant, "a test" if number < noticed else "", 1, 1) for number in range(of)]
    options = argparse.Namespace(equivalent=False, rows=False, at_least=92.0)
    assert mutants.judged(results, [], options) == least
    assert mutants.judged(results, ["one that is gone"], options) == 1


def test_a_row_that_survives_and_an_equivalent_one_that_is_noticed_are_failures() -> None:
    mutant = find("thing.py", SAMPLE)[0]
    noticed, survived = Result(mutant, "a test", 1, 1), Result(mutant, "", 1, 1)
    rows = argparse.Namespace(equivalent=False, rows=True, at_least=0.0)
    same = argparse.Namespace(equivalent=True, rows=False, at_least=0.0)
    assert [mutants.judged([each], [], rows) for each in (noticed, survived)] == [0, 1]
    assert [mutants.judged([each], [], same) for each in (noticed, survived)] == [1, 0]


def test_the_interval_is_wilson_s() -> None:
    low, high = mutants.interval(174, 207)
    assert (round(low, 3), round(high, 3)) == (0.785, 0.884)


def test_nearest_and_quickest_tests_come_first_and_variations_of_others_last() -> None:
    names = ["head.py::b", "head.py::c[1]", "head.py::c[2]", "other.py::a[1]", "other.py::a[2]", "other.py::d"]
    times = [0.9, 0.2, 0.3, 0.1, 0.2, 0.4]
    seconds = {f"tests/unit/vault/test_{name}": each for name, each in zip(names, times, strict=True)}
    known = SimpleNamespace(seconds=seconds)
    ordered = mutant_map.Map._ordered(known, seconds, {"vault", "head"})  # type: ignore[arg-type] # a stand-in for a map
    assert [test.rpartition("::")[2] for test in ordered] == ["c[1]", "c[2]", "b", "a[1]", "d", "a[2]"]


def test_what_runs_at_import_is_known_by_its_name() -> None:
    line = SAMPLE.splitlines().index("MOST = 7") + 1
    assert mutant_map._defined_at(SAMPLE, line) == {"MOST"}
    inside = next(number for number, text in enumerate(SAMPLE.splitlines(), 1) if "self.note" in text)
    assert mutant_map._defined_at(SAMPLE, inside) == set()


def test_an_edit_finds_its_place_behind_letters_of_two_bytes() -> None:
    (mutant,) = (each for each in find("x.py", 'NAME = "Ä"; MOST = 1\n') if each.new == "2")
    assert mutant.applied('NAME = "Ä"; MOST = 1\n') == 'NAME = "Ä"; MOST = 2\n'
    assert mutating.compiles(mutant.applied('NAME = "Ä"; MOST = 1\n'))
