"""OData expressions by `odata_query`, with the functions that SensorThings adds (OGC 18-088, 9.3.3.5.2)."""

from collections.abc import Iterator
from typing import Any

from odata_query import ast
from odata_query.exceptions import ODataException
from odata_query.grammar import ODataLexer, ODataParser

from yunnao.kernel.errors import InvalidInput

expression_chars_max = 4_000

RELATIONS = ("equals", "disjoint", "touches", "within", "overlaps", "crosses", "intersects", "contains")
_ONE = (
    "length tolower toupper trim year month day hour minute second fractionalseconds totalseconds date time"
    " totaloffsetminutes round floor ceiling geo.length"
)
_TWO = "concat contains endswith indexof startswith substringof geo.distance geo.intersects"
_FUNCTIONS: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("mindatetime", "maxdatetime", "now"), (0, 0)),
    **dict.fromkeys(_ONE.split(), (1, 1)),
    **dict.fromkeys(_TWO.split(), (2, 2)),
    **dict.fromkeys((f"st_{name}" for name in RELATIONS), (2, 2)),
    "substring": (2, 3),
    "st_relate": (3, 3),
}


def _call(func: Any, args: list[Any]) -> Any:
    name = func.full_name()
    if name not in _FUNCTIONS:
        raise InvalidInput("odata_function_unknown", function=name)
    least, most = _FUNCTIONS[name]
    if not least <= len(args) <= most:
        raise InvalidInput("odata_arguments", function=name, least=least, most=most, given=len(args))
    return ast.Call(func, args)


def _parser() -> Any:
    """The library's parser, which knows a fixed list of functions, with ours."""
    parser: Any = ODataParser()
    parser._function_call = _call
    return parser


def parse(text: str) -> Any:
    """The tree of an expression. Raises InvalidInput: `odata_too_long`, `odata_syntax`,
    `odata_function_unknown`, `odata_arguments`."""
    if len(text) > expression_chars_max:
        raise InvalidInput("odata_too_long", limit_chars=expression_chars_max)
    try:
        tree = _parser().parse(ODataLexer().tokenize(text.strip()))
    except (ODataException, AttributeError, IndexError) as error:
        raise InvalidInput("odata_syntax", expression=text[:200]) from error
    if tree is None:
        raise InvalidInput("odata_syntax", expression=text[:200])
    return tree


def split(text: str, separator: str) -> Iterator[str]:
    """Parts of `text` between separators that stand in no parentheses and no quotes."""
    depth, quoted, begin = 0, False, 0
    for place, char in enumerate(text):
        if char == "'":
            quoted = not quoted
        elif quoted:
            continue
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
        elif char == separator and depth == 0:
            yield text[begin:place].strip()
            begin = place + 1
    if depth != 0 or quoted:
        raise InvalidInput("odata_syntax", expression=text[:200])
    yield text[begin:].strip()
