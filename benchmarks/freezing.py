"""How long honest samples wait while other workers judge the nastiest programs. Run: python benchmarks/freezing.py

One verifier of two workers. First it judges honest samples alone, one at a time; then a second thread feeds it, without
a pause, the ten nastiest programs that we know, and the honest samples go on beside them. A verdict of a honest sample
waits for its worker, for the lock of the interpreter and for the processor: all of that is in its time.

It also says how long each nasty program held its worker, beside the limit of its problem.
"""

import argparse
import statistics
import threading
import time
from collections.abc import Callable

from haloforge.records import Case, Problem, Tests
from haloforge.verify import Verifier, VerifySettings, open_verifier

LIMIT_S = 1.0
"""CPU limit of the nasty programs; they have ten seconds of wall time."""
HONEST = Problem("honest", "", tests=Tests("asserts", code=("assert f(1) == 2",)), entry_point="f")
ASSERTING = Problem("a", "", tests=Tests("asserts", code=("assert f(1) == 5",), time_limit_s=LIMIT_S), entry_point="f")
SUMMING = Problem(
    "s", "", tests=Tests("asserts", code=("assert sum(f(1)) == 5",), time_limit_s=LIMIT_S), entry_point="f"
)
MAKING = Problem("m", "", tests=Tests("asserts", code=("assert set(f(1))",), time_limit_s=LIMIT_S), entry_point="f")
PRINTING = Problem("p", "", tests=Tests("stdio", cases=(Case("", "1"),) * 3, time_limit_s=LIMIT_S))
TESTED = Problem("t", "", "cpp", Tests("program", code=("#include <cassert>\nint main() { assert(f() == 1); }",)))
CPP = Problem("c", "", "cpp", Tests("stdio", cases=(Case("", "1"),), time_limit_s=LIMIT_S))
SHOUTS = (
    "#include <cstdio>\n#include <cstdlib>\n"
    'int f() { for (int i = 0; i < 16000; i++) fputs("assertion ", stderr); exit(1); }'
)

NASTY: dict[str, tuple[Problem, str]] = {
    "160 KB of 'assertion assertion'": (TESTED, SHOUTS),
    "comments before no library": (CPP, "/**/" * 5000 + "int main() {}"),
    "a set of colliding integers": (ASSERTING, "def f(x): return {n * (2**61 - 1) for n in range(16_000)}"),
    "a list of colliding integers": (MAKING, "def f(x): return [n * (2**61 - 1) for n in range(100_000)]"),
    "a range without an end": (SUMMING, "def f(x): return range(10**15)"),
    "Decimal('1e99999999')": (ASSERTING, "from decimal import Decimal\ndef f(x): return Decimal('1e99999999')"),
    "16 MiB of lines": (PRINTING, "import os\nfor _ in range(255): os.write(1, b'\\n' * 65536)"),
    "16 MiB in one list": (ASSERTING, "def f(x): return [0] * 7_000_000"),
    "sleeps in every case": (PRINTING, "import time\ntime.sleep(4)"),
    "an endless loop": (ASSERTING, "def f(x):\n    while True: pass"),
}


def main() -> None:
    """Print how long honest samples wait, alone and beside nasty programs, and how long each of these held a worker."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=1, help="how often every nasty program is judged")
    rounds = parser.parse_args().rounds
    with open_verifier(VerifySettings(workers=2)) as verifier:
        for _ in range(20):  # start both workers
            list(verifier.verify_many((HONEST, f"def f(x): return 2 # {n} {time.monotonic()}") for n in range(8)))
        alone = waits(verifier, lambda number: number < 300)
        held: list[tuple[str, float, str]] = []
        feeder = threading.Thread(target=feed, args=(verifier, rounds, held))
        feeder.start()
        beside = waits(verifier, lambda number: feeder.is_alive())
    report(alone, beside, held)


def waits(verifier: Verifier, goes_on: Callable[[int], bool]) -> list[float]:
    """Seconds from the submission of each honest sample to its verdict."""
    times: list[float] = []
    while goes_on(len(times)):
        began = time.monotonic()
        verdict = verifier.verify(HONEST, f"def f(x): return 2  # {began}")
        times.append(time.monotonic() - began)
        if not verdict.passed:
            raise SystemExit(f"an honest sample did not pass: {verdict}")
    return times


def feed(verifier: Verifier, rounds: int, held: list[tuple[str, float, str]]) -> None:
    """Judge every nasty program in turn, and note how long it took and what became of it."""
    for number in range(rounds):
        for name, (problem, code) in NASTY.items():
            began = time.monotonic()
            comment = "#" if problem.language == "python" else "//"
            verdict = verifier.verify(problem, f"{code}\n{comment} {number} {began}")
            held.append((name, time.monotonic() - began, verdict.status))


def report(alone: list[float], beside: list[float], held: list[tuple[str, float, str]]) -> None:
    """As Markdown."""
    print("| nasty program | held its worker, s | verdict |\n|---|---|---|")
    for name, seconds, status in held:
        print(f"| {name} | {seconds:.2f} | {status} |")
    print("\n| honest sample | verdicts | median, ms | slowest, ms |\n|---|---|---|---|")
    for title, times in (("alone", alone), ("beside them", beside)):
        print(f"| {title} | {len(times)} | {statistics.median(times) * 1000:.1f} | {max(times) * 1000:.1f} |")
    print(f"\nThe slowest honest neighbour waited {(max(beside) - statistics.median(alone)) * 1000:.0f} ms longer.")


if __name__ == "__main__":
    main()
