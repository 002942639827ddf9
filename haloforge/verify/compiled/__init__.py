"""How compiled languages are judged: compilers, what they build, and the tests that are built in."""
