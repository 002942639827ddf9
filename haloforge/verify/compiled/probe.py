"""Whether a compiler and its programs can be sandboxed here: found out by compiling and running canaries."""

import functools
import tempfile

from haloforge.config import VerifySettings
from haloforge.languages import Language
from haloforge.records import Case, Problem, Tests
from haloforge.verify.box.confinement.limits import Limits
from haloforge.verify.sandbox.levels import UNSAFE
from haloforge.verify.sandbox.zygote import BoxFailed
from haloforge.verify.worker import Worker

_LIMITS = Limits(cpu_s=5, wall_s=30, memory_mb=1024)
_CONTAINED = Tests("stdio", cases=(Case("", "contained\n"),))

_C = """
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void attempt(const char *what, int succeeded) {
    if (succeeded) printf("could %s\\n", what);
}

int main(void) {
    attempt("read /etc/passwd", open("/etc/passwd", O_RDONLY) >= 0);
    attempt("write to /tmp", open("/tmp/halo-forge-canary", O_WRONLY | O_CREAT, 0600) >= 0);
    attempt("open a socket", socket(AF_INET, SOCK_STREAM, 0) >= 0);
    attempt("signal everyone", kill(-1, 0) == 0);
    int child = fork();
    if (child == 0) _exit(0);
    attempt("start a process", child > 0);
    fflush(stdout);
    execl("/bin/true", "true", (char *)0);
    puts("contained");
    return 0;
}
"""
_RUST = """
use std::{fs::File, net::TcpListener, process::Command};

fn attempt(what: &str, succeeded: bool) {
    if succeeded {
        println!("could {what}");
    }
}

fn main() {
    attempt("read /etc/passwd", File::open("/etc/passwd").is_ok());
    attempt("write to /tmp", File::create("/tmp/halo-forge-canary").is_ok());
    attempt("open a socket", TcpListener::bind("127.0.0.1:0").is_ok());
    attempt("start a process", Command::new("/bin/true").spawn().is_ok());
    println!("contained");
}
"""
_GO = """
package main

import (
	"fmt"
	"os"
	"syscall"
)

func attempt(what string, err error) {
	if err == nil {
		fmt.Println("could", what)
	}
}

func main() {
	_, err := os.Open("/etc/passwd")
	attempt("read /etc/passwd", err)
	_, err = os.Create("/tmp/halo-forge-canary")
	attempt("write to /tmp", err)
	_, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	attempt("open a socket", err)
	_, err = syscall.ForkExec("/bin/true", []string{"true"}, &syscall.ProcAttr{})
	attempt("start a process", err)
	fmt.Println("contained")
}
"""
_RUNS = {"c": _C, "cpp": _C, "rust": _RUST, "go": _GO}
_COMPILES = {"c": "int main(void) { return 0; }", "cpp": "int main() {}", "rust": "fn main() {}"}
_READS = {
    "c": '#include "{path}"\n',
    "cpp": '#include "{path}"\n',
    "rust": 'const SECRET: &str = include_str!("{path}");\n',
}
"""Go's compiler reads no file that its program names."""


@functools.cache
def compiler_flaw(language: Language, level: str) -> str | None:
    """What is wrong with this compiler in the sandbox of that level; None when it works and holds every canary.

    Takes a second, and several more when a precompiled library has to be made first.
    """
    if level == "noopen":
        return "a compiler has to open files, which the sandbox of this machine cannot let it do; install bubblewrap"
    worker = Worker(VerifySettings.model_construct(type=language.name), level)
    try:
        return _cannot_compile(worker, language) or _lets_out(worker, language, level)
    except BoxFailed as error:
        return f"its sandbox cannot be started ({error})"
    except OSError as error:
        return str(error)
    finally:
        worker.close()


def _cannot_compile(worker: Worker, language: Language) -> str | None:
    """Also when the sandbox contains everything, because nothing starts in it."""
    code = _RUNS[language.family] if language.can_run else _COMPILES[language.family]
    found = worker.judge(_posed(language, Tests()), code, _LIMITS)
    return None if found.status == "passed" else f"it does not compile a plain program in the sandbox ({found.detail})"


def _lets_out(worker: Worker, language: Language, level: str) -> str | None:
    if level == UNSAFE:
        return None
    if language.can_run:
        ran = worker.judge(_posed(language, _CONTAINED), _RUNS[language.family], _LIMITS)
        if ran.status != "passed":
            return f"a canary was not contained ({ran.detail})"
    if language.family in _READS:
        with tempfile.NamedTemporaryFile("w", prefix="halo-forge-canary-", suffix=".h") as secret:
            code = _READS[language.family].format(path=secret.name) + _COMPILES[language.family]
            if worker.judge(_posed(language, Tests()), code, _LIMITS).status != "compile_error":
                return "a canary could read a file of yours while it was compiled"
    return None


def _posed(language: Language, tests: Tests) -> Problem:
    return Problem("canary", "", language=language.family, tests=tests)
