"""What holds for all operations that are declared."""

import importlib
import pkgutil
from collections import Counter

import pytest

import ringwall.core
from ringwall.core.catalogue import declared
from ringwall.core.identity.permissions import PERMISSIONS, Permission, Role
from ringwall.core.operations import Operation


def test_every_module_that_declares_operations_is_in_the_catalogue():
    found = set()
    for module in pkgutil.walk_packages(ringwall.core.__path__, "ringwall.core."):
        if module.name.endswith(".__main__") or ".migrations." in module.name:
            continue
        there = vars(importlib.import_module(module.name)).values()
        found |= {one.name for one in there if isinstance(one, Operation)}
    assert found - {one.name for one in declared()} == set()


def test_names_and_routes_are_given_once():
    assert max(Counter(one.name for one in declared()).values()) == 1
    assert max(Counter((one.verb, one.path) for one in declared()).values()) == 1


@pytest.mark.req("I1")
def test_every_operation_asks_for_a_permission_and_changes_need_one_that_auditors_lack():
    for one in declared():
        assert one.permission is not None, one.name
        if one.changes:
            changing = {Permission.ACCOUNT_OWN, Permission.MAILBOX_OWN} | set(Permission) - PERMISSIONS[
                Role.AUDITOR
            ]
            assert one.permission in changing, one.name


def test_what_takes_arguments_has_an_example_and_what_changes_something_says_so():
    for one in declared():
        required = [name for name, field in one.arguments.model_fields.items() if field.is_required()]
        assert set(required) <= set(one.example), one.name
        assert one.changes or one.verb in {"GET", "POST"}, one.name
