"""Rows in the columns of each original format; the problems are our own."""

from typing import Any

Row = dict[str, Any]

HUMANEVAL: Row = {
    "task_id": "HumanEval/900",
    "prompt": 'from typing import List\n\n\ndef halve_even(n: int) -> int:\n    """ Half of an even n, else n. """\n',
    "canonical_solution": "    return n // 2 if n % 2 == 0 else n\n",
    "test": "\nMETADATA = {}\n\n\ndef check(candidate):\n    assert candidate(4) == 2\n    assert candidate(5) == 5\n",
    "entry_point": "halve_even",
}
HUMANEVAL_WITH_HELPER: Row = {
    "task_id": "HumanEval/901",
    "prompt": (
        "import string\n\n\ndef shout(word: str):\n    return word.upper()\n\n\n"
        'def whisper(word: str):\n    """ Undo shout. """\n'
    ),
    "canonical_solution": "    return word.lower()\n",
    "test": "def check(candidate):\n    assert candidate(shout('hi')) == 'hi'\n    assert whisper('A') == 'a'\n",
    "entry_point": "whisper",
}
HUMANEVAL_NATIVE_PLUS: Row = {
    **HUMANEVAL,
    "contract": "",
    "base_input": [[4], [5]],
    "plus_input": [[0], [-6], [10**400]],
    "atol": 0,
}
MBPP: Row = {
    "task_id": 650,
    "text": "Write a function to glue a list of words with a plus sign.",
    "code": "def glue(words):\r\n\treturn '+'.join(words)",
    "test_list": ["assert glue(['a']) == 'a'", "assert glue(['a', 'b']) == 'a+b'"],
    "test_setup_code": "",
    "challenge_test_list": ["assert glue([]) == ''"],
}
SANITIZED: Row = {
    "source_file": "x",
    "task_id": 650,
    "prompt": "Write a function to glue a list of words.",
    "code": "def glue(words):\n    return '+'.join(words)",
    "test_imports": ["import math"],
    "test_list": ["assert glue(['a']) == 'a'", "assert math.floor(len(glue(['a', 'b']))) == 3"],
}
MBPP_PLUS: Row = {
    **SANITIZED,
    "test": (
        "def assertion(out, exp, atol):\n    assert out == exp\n\n\ninputs = [[['a']], [['a', 'b']]]\n"
        "results = ['a', 'a+b']\n"
        "for i, (inp, exp) in enumerate(zip(inputs, results)):\n    assertion(glue(*inp), exp, 0)\n"
    ),
}
MBPP_NATIVE_PLUS: Row = {
    "task_id": "Mbpp/650",
    "prompt": '"""\nWrite a function to glue a list of words.\nassert glue([\'a\']) == \'a\'\n"""\n',
    "entry_point": "glue",
    "canonical_solution": "\ndef glue(words):\n    return '+'.join(words)\n",
    "base_input": [[["a"]]],
    "plus_input": [[["a", "b", "c"]]],
    "atol": 0,
    "contract": "",
    "assertion": "\nassert glue(['a']) == 'a'\nassert glue(['a', 'b']) == 'a+b'\n",
}
MBPP_PLUS_FOUND: Row = {
    **MBPP_PLUS,
    "test": (
        "def assertion(out, exp, atol):\n    if isinstance(out, bool):\n        exact_match = out == exp\n"
        "    else:\n        exact_match = exp == (out is not None)\n\n\ninputs = [[['a']], [[]]]\n"
        "results = [True, True]\n"
        "for i, (inp, exp) in enumerate(zip(inputs, results)):\n    assertion(glue(*inp), exp, 0)\n"
    ),
}
MULTIPL_E: Row = {
    "name": "HumanEval_900_halve_even",
    "language": "cpp",
    "prompt": "#include<assert.h>\n// Half of an even n.\nlong halve(long n) {\n",
    "doctests": "transform",
    "original": "x",
    "prompt_terminology": "reworded",
    "tests": "}\nint main() {\n    auto candidate = halve;\n    assert(candidate((4)) == (2));\n}\n",
    "stop_tokens": ["\n}"],
}
HUMANEVALPACK: Row = {
    "task_id": "CPP/900",
    "prompt": "/*\nHalf of an even n.\n*/\n#include<vector>\nint halve(int n){\n",
    "declaration": "#include<vector>\n#include<algorithm>\nint halve(int n){\n",
    "canonical_solution": "    return n % 2 ? n : n / 2;\n}\n\n\n",
    "buggy_solution": "    return n;\n}\n",
    "test": "#undef NDEBUG\n#include<assert.h>\nint main(){\n    assert(halve(4) == 2);\n}\n",
    "entry_point": "halve",
}
CODEFORCES: Row = {
    "id": "9000/A",
    "title": "Two Sums",
    "description": "Add two numbers.",
    "input_format": "Two integers.",
    "output_format": "Their sum.",
    "interaction_format": None,
    "note": None,
    "examples": [{"input": "1 2\n", "output": "3\n"}],
    "official_tests": [{"input": "1 2\n", "output": "3\n"}, {"input": "5 5\n", "output": "10\n"}],
    "official_tests_complete": True,
    "input_mode": "stdio",
    "generated_checker": None,
    "time_limit": 2.0,
    "memory_limit": 256.0,
    "rating": 800,
    "tags": ["math"],
}
CODEFORCES_SAMPLE: Row = {"prompt": "Add.", "response": "int main() {}\n", "title": "Add", "difficulty": "A"}
OPENCODER: Row = {
    "seq_id": 7,
    "instruction": "Write a python function to glue words.",
    "output": "Here it is",
    "code": "def glue(words):\n    return '+'.join(words)",
    "entry_point": "glue",
    "testcase": ["assert glue(['a']) == 'a'", "assert glue([]) == ''"],
}
ACECODE: Row = {
    "id": "oss_7",
    "source": "oss",
    "question": "Glue words with a plus sign.",
    "test_cases": ["assert sorted(glue(['a'])) == ['a']", "assert glue([]) == ''"],
}
CODEALPACA: Row = {"instruction": "Print the sum of a list.", "input": "[1, 2]", "output": "print(sum([1, 2]))"}

ALL = (
    HUMANEVAL,
    HUMANEVAL_NATIVE_PLUS,
    MBPP,
    SANITIZED,
    MBPP_PLUS,
    MBPP_NATIVE_PLUS,
    MULTIPL_E,
    HUMANEVALPACK,
    CODEFORCES,
    CODEFORCES_SAMPLE,
    OPENCODER,
    ACECODE,
    CODEALPACA,
)
