"""Doctor examines a broken machine too: that is what it is for."""

import sys

import pytest

from haloforge import doctor


def test_a_torch_that_cannot_be_imported_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    checks = {check.name: check for check in doctor.examine()}
    assert checks["gpu"].text.startswith("not known, as torch cannot be imported")
    assert {"python", "memory", "sandbox", "smollm2-135m"} <= checks.keys()


def test_what_could_be_installed_is_one_line_and_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("haloforge.verify.compiler_version", lambda compiler: "")
    monkeypatch.setattr("haloforge.languages.FAST_LINKERS", {})
    (line,) = doctor._compilers()
    assert line.state == "optional"
    assert line.text == (
        "not installed: mold g++ clang gcc g++-mingw-w64-x86-64-posix rustc golang-go"
        " nodejs node-typescript default-jdk-headless"
    )


def test_one_line_says_where_work_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("haloforge.cores.may_have_gpu", lambda: True)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr("shutil.which", lambda name: f"/opt/bin/{name}")
    monkeypatch.setattr(doctor, "version_of", lambda package: "")
    line = doctor._where()
    assert line.state == "ok"
    assert line.text == "this machine, on 2 GPUs; vllm /opt/bin/vllm; ray not installed"
