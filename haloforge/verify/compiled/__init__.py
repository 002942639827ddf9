"""How compiled languages are judged.

judge.py     compiles a solution, runs it on its cases or with its tests, and names the outcome
build.py     runs the compiler in the sandbox; binaries.py keeps what was compiled, headers.py precompiles bits/stdc++.h
adapter.py   what a kind of compiler does by code of its own: single_file.py, rust.py, golang.py, java.py, node.py
probe.py     tries a compiler in its sandbox before a run depends on it
"""

from haloforge.verify.compiled.binaries import Binaries
from haloforge.verify.compiled.build import Workshop
from haloforge.verify.compiled.judge import Submission, missing_imports, verify_compiled
from haloforge.verify.compiled.probe import compiler_flaw

__all__ = ["Binaries", "Submission", "Workshop", "compiler_flaw", "missing_imports", "verify_compiled"]
