"""One record per language: how it is named, written in answers and prompts, tested, and shown."""

from dataclasses import dataclass
from typing import Literal

from haloforge.languages import probes


@dataclass(frozen=True, kw_only=True)
class Language:
    """A language of problems: how it is named, written in answers and prompts, tested, and shown."""

    name: str
    display_name: str
    aliases: tuple[str, ...] = ()
    """Other names that a problem may call it by."""
    suffix: str = ".txt"
    fences: tuple[str, ...] = ()
    """Tags of code blocks in answers that hold it, besides its name and aliases."""
    syntax: Literal["python", "braces", "unknown"] = "unknown"
    """How answers are cut and programs compared: by the syntax tree, by tokens and braces, or as plain text."""
    line_comment: str = "//"
    block_comment: tuple[str, str] = ("/*", "*/")
    nests_comments: bool = False
    """Whether a block comment inside another has its own end."""
    line_ends_statement: bool = False
    """Whether a statement ends with its line, without a semicolon."""
    first_line: str = ""
    """Regular expression of how code begins, in an answer without code blocks; empty: such answers hold no code."""
    function_keyword: str = ""
    """Regular expression of what stands before the name of a function that is defined; empty: a type, as in C."""
    definition: str = ""
    """Regular expression of a definition of the function {name}, as its one group, where no single keyword does it."""
    functions_in_classes: bool = False
    """Whether every function stands in a class."""
    runs_top_level: bool = False
    """Whether statements outside of functions run, so that a program needs no `main`."""
    imports: Literal["repeatable", "once", "joined"] = "repeatable"
    """Whether the lines that import something may stand twice, may not, or are put together by the adapter."""
    highlighter: str = ""
    """Its name in Pygments; empty: its own."""
    editor: str | None = None
    """The name by which gr.Code highlights it, or one that looks alike; None: plain text."""
    verifier: str = ""
    """What the verifier `auto` takes for it; empty: it cannot be verified."""
    print_statement: str = ""
    """Prints {text} and a line break; it is put at the end of tests that are appended to a solution."""
    print_declaration: str = ""
    """What must stand before `main` for that, where it is no part of the language."""
    smallest_program: str = ""
    """A program that compiles."""
    probe: str = ""
    """A program that tries what the sandbox must not allow, says what it could do, and prints `probes.REPORT`."""
    file_reading_line: str = ""
    """A line that makes the compiler read the file {path}; empty where none can."""

    @property
    def fence_names(self) -> frozenset[str]:
        """Every tag of a code block that holds this language."""
        return frozenset({self.name, *self.aliases, *self.fences})


_C_FIRST_LINE = (
    r"\s*(#\s*(include|define|pragma|if)|using\s|namespace\s|template\s*<|typedef\s|struct\s|class\s|enum\s"
    r"|(static|inline|const|constexpr|extern|unsigned|signed|long|short|int|void|bool|char|double|float|auto"
    r"|std::\w+|vector\s*<|string|size_t|u?int\d+_t)\b[^.!?]*[({;=])"
)
_JS_FIRST_LINE = (
    r"\s*((export\s+)?(default\s+)?(async\s+)?(function\b[*\s]|class\s+\w+[^.]*$|interface\s+\w+\s*(<|\{|extends)"
    r"|type\s+\w+\s*[=<]|enum\s+\w+\s*\{)|(const|let|var)\s+[\w$\[{]|import\s*[\w*{].*\bfrom\b|import\s*['\"]"
    r"|['\"]use strict['\"]|(module\.)?exports\b|require\(|console\.\w+\(|process\.\w+)"
)
_JS_DEFINITION = (
    r"^[ \t]*+(?:export\s++)?+(?:default\s++)?+(?:(?:async\s++)?+function\b\s*+\*?+\s*+|class\s++"
    r"|(?:const|let|var)\s++)({name})(?=\s*+[(<:={{]|\s++extends\b)"
)

LANGUAGES: dict[str, Language] = {
    language.name: language
    for language in (
        Language(
            name="python",
            display_name="Python",
            aliases=("py", "python3"),
            suffix=".py",
            fences=("py3",),
            syntax="python",
            line_comment="#",
            block_comment=("", ""),
            first_line=(
                r"(def|class|async def|import|from|for|while|if|try|with)\b|@\w|[A-Za-z_][\w.\[\],\s]*=[^=]|print\("
            ),
            editor="python",
            verifier="python",
        ),
        Language(
            name="c",
            display_name="C",
            suffix=".c",
            fences=("h",),
            syntax="braces",
            first_line=_C_FIRST_LINE,
            editor="c",
            verifier="gcc",
            print_statement='puts("{text}");',
            print_declaration="int puts(const char *);",
            smallest_program="int main(void) { return 0; }",
            probe=probes.C,
            file_reading_line='#include "{path}"\n',
        ),
        Language(
            name="cpp",
            display_name="C++",
            aliases=("c++",),
            suffix=".cpp",
            fences=("cc", "cxx", "hpp", "c"),
            syntax="braces",
            first_line=_C_FIRST_LINE,
            editor="cpp",
            verifier="gcc",
            print_statement='puts("{text}");',
            print_declaration='extern "C" int puts(const char *);',
            smallest_program="int main() {}",
            probe=probes.C,
            file_reading_line='#include "{path}"\n',
        ),
        Language(
            name="rust",
            display_name="Rust",
            aliases=("rs",),
            suffix=".rs",
            syntax="braces",
            first_line=r"\s*(use|fn|pub|mod|struct|enum|impl|trait|const|static|#!?\[)\b",
            nests_comments=True,
            function_keyword=r"(?:pub\s+)?fn\s+",
            imports="once",
            editor="cpp",
            verifier="rust",
            print_statement='println!("{text}");',
            smallest_program="fn main() {}",
            probe=probes.RUST,
            file_reading_line='const SECRET: &str = include_str!("{path}");\n',
        ),
        Language(
            name="go",
            display_name="Go",
            aliases=("golang",),
            suffix=".go",
            syntax="braces",
            line_ends_statement=True,
            first_line=r"\s*(package|import|func|type|var|const)\b",
            function_keyword=r"func\s+",
            imports="joined",
            editor="c",
            verifier="go",
            smallest_program="package main\nfunc main() {}\n",
            probe=probes.GO,
        ),
        Language(
            name="java",
            display_name="Java",
            suffix=".java",
            syntax="braces",
            first_line=(
                r"\s*(import\s+(static\s+)?[\w.]+(\.\*)?;|package\s+[\w.]+;|@\w+"
                r"|((public|private|protected|static|final|abstract|sealed)\s++)*+(class|interface|enum|record)\s+\w+"
                r"|((public|private|protected|static|final)\s++)++[\w<>\[\], ]++\()"
            ),
            functions_in_classes=True,
            editor="cpp",
            verifier="java",
            smallest_program="class Main { public static void main(String[] args) { } }",
            probe=probes.JAVA,
        ),
        Language(
            name="javascript",
            display_name="JavaScript",
            aliases=("js", "node", "nodejs"),
            suffix=".js",
            fences=("mjs", "cjs", "jsx"),
            syntax="braces",
            line_ends_statement=True,
            first_line=_JS_FIRST_LINE,
            definition=_JS_DEFINITION,
            runs_top_level=True,
            editor="javascript",
            verifier="node",
            smallest_program="void 0;",
            probe=probes.JAVASCRIPT,
        ),
        Language(
            name="typescript",
            display_name="TypeScript",
            aliases=("ts",),
            suffix=".ts",
            fences=("mts", "cts", "tsx"),
            syntax="braces",
            line_ends_statement=True,
            first_line=_JS_FIRST_LINE,
            definition=_JS_DEFINITION,
            runs_top_level=True,
            editor="typescript",
            verifier="typescript",
            smallest_program="export {};",
            probe=probes.JAVASCRIPT,
        ),
    )
}
