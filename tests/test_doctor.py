"""Doctor examines a broken machine too: that is what it is for."""

import sys

import pytest

from haloforge import doctor


def test_a_torch_that_cannot_be_imported_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    checks = {check.name: check for check in doctor.examine()}
    assert checks["gpu"].text.startswith("not known, as torch cannot be imported")
    assert {"python", "memory", "sandbox", "smollm2-135m"} <= checks.keys()
