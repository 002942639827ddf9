"""How Python is judged: by the tests of its problem, which never run where the solution does unless they must."""
