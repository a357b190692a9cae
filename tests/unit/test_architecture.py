"""docs/architecture.md says which components there are and what each may touch; the imports say the same."""

from __future__ import annotations

import ast
import re
from functools import lru_cache

import grimp
import pytest
from support.architecture import PACKAGE, PAGE, ROOT, Component, components, contract, page, source_of

COMPONENTS = components()
OUTSIDE = {"disk", "keyring", "network"}
THROUGH = {"sandbox", "transport", "vault"}
"""Components through which others reach the disk, the keyring and the network."""
each_component = pytest.mark.parametrize("component", COMPONENTS, ids=lambda component: component.name)


@lru_cache
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("rocketvpn_sdk", include_external_packages=True)


def touched(component: Component) -> set[str]:
    return {part.strip("`") for part in component.touches.split(", ")} - {"nothing"}


def test_the_page_is_what_the_components_say_today() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `python tests/support/architecture.py`"


def test_the_page_names_every_component_that_exists() -> None:
    there = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    no_components = {"__init__", *contract("layers", "A component")["exhaustive_ignores"]}
    assert {each.name for each in COMPONENTS} == there - no_components


@each_component
def test_a_component_names_what_it_may_touch(component: Component) -> None:
    assert touched(component) <= OUTSIDE | THROUGH
    assert (component.touches == "nothing") is (touched(component) == set())


@each_component
def test_what_a_component_says_about_the_network_agrees_with_the_linter(component: Component) -> None:
    kept_out = contract("forbidden", "The network")["source_modules"]
    assert ("network" in touched(component)) is (f"rocketvpn_sdk.{component.name}" not in kept_out)


@each_component
@pytest.mark.parametrize("through", sorted(THROUGH))
def test_a_component_names_those_that_it_reaches_the_outside_through(component: Component, through: str) -> None:
    reached = component.name != through and imports().chain_exists(
        f"rocketvpn_sdk.{component.name}", f"rocketvpn_sdk.{through}", as_packages=True
    )
    assert (through in touched(component)) is reached


@each_component
def test_the_keyring_is_opened_where_it_is_said(component: Component) -> None:
    name = f"rocketvpn_sdk.{component.name}"
    imported = {
        package
        for module in {name} | imports().find_descendants(name)
        for package in imports().find_modules_directly_imported_by(module)
    }
    assert ("keyring" in touched(component)) is bool(imported & {"keyring", "secretstorage"})


@each_component
def test_where_to_start_is_there(component: Component) -> None:
    source = source_of(component.name)
    module = source.with_name(f"{component.start}.py")
    tree = ast.parse(source.read_text("utf-8"))
    names = {node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    names |= {alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert component.start in names or (source.name == "__init__.py" and module.is_file())


def test_the_modules_that_the_page_names_are_there() -> None:
    named = re.findall(r"`([a-z_]+\.[a-z_]+)`", PAGE.read_text("utf-8").partition("\n## How data flows\n")[2])
    modules = {name for name in named if (PACKAGE / name.partition(".")[0]).is_dir()}
    assert len(modules) > 20
    assert [name for name in sorted(modules) if not (PACKAGE / f"{name.replace('.', '/')}.py").is_file()] == []


def test_the_files_that_the_page_names_are_there() -> None:
    named = re.findall(r"`((?:tests|rocketvpn_sdk|docs)/[\w/.]+\.\w+)`", PAGE.read_text("utf-8"))
    assert [
        name for name in named if not (ROOT / name).is_file() and not {"NAME", "de"} & set(re.split(r"[/.]", name))
    ] == []


def test_no_constructor_takes_more_than_seven_arguments() -> None:
    too_many = [
        f"{path.relative_to(PACKAGE)}: {kind.name}"
        for path in PACKAGE.rglob("*.py")
        for kind in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(kind, ast.ClassDef)
        for made in kind.body
        if isinstance(made, ast.FunctionDef) and made.name == "__init__"
        if len([*made.args.posonlyargs, *made.args.args, *made.args.kwonlyargs]) > 1 + 7
    ]
    assert too_many == []
