"""Lines of keys, judged by writing documents whose lines are known."""

import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st

from quri_console.config.lines import key_lines

DOCUMENT = '''\
# a comment with [brackets] and a = b
top = 1

[a.b]  # header
"quoted key" = """
[not.a.table]
x = 1 \\""" still inside
"""
'lit"eral' = [ "]", # ] in a comment
  { deep = 1 }, 2,
]
inline = { one = 1, two.three = "}" , nested = { four = [ ] } }
dotted . name = 'C:\\'
[[list]]
x = 1979-05-27 07:32:00Z
[[list]]
x = 2
["a"."c"]
last = """"quoted at the end""""'''


def test_every_kind_of_key_is_found() -> None:
    tomllib.loads(DOCUMENT)
    lines = key_lines(DOCUMENT)
    assert lines == {
        ("top",): 2,
        ("a",): 4,
        ("a", "b"): 4,
        ("a", "b", "quoted key"): 5,
        ("a", "b", 'lit"eral'): 9,
        ("a", "b", 'lit"eral', "[]", "deep"): 10,
        ("a", "b", "inline"): 12,
        ("a", "b", "inline", "one"): 12,
        ("a", "b", "inline", "two"): 12,
        ("a", "b", "inline", "two", "three"): 12,
        ("a", "b", "inline", "nested"): 12,
        ("a", "b", "inline", "nested", "four"): 12,
        ("a", "b", "dotted"): 13,
        ("a", "b", "dotted", "name"): 13,
        ("list",): 14,
        ("list", "x"): 15,
        ("a", "c"): 18,
        ("a", "c", "last"): 19,
    }


keys = st.text(min_size=1, max_size=6).filter(lambda key: "\r" not in key)
values = st.recursive(
    st.text(max_size=12) | st.integers(-5, 5) | st.booleans() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(keys, values, max_size=4), st.booleans())
@settings(max_examples=150)
def test_every_key_of_any_document_has_a_line_that_holds_it(document: dict[str, object], multiline: bool) -> None:
    import tomli_w

    text = tomli_w.dumps(document, multiline_strings=multiline)
    if "\r" in text:
        return
    lines = key_lines(text)
    assert {path for path in lines if len(path) == 1} >= {(key,) for key in document}
    rows = text.split("\n")
    for key in document:
        row = rows[lines[(key,)] - 1]
        assert key in row or "\\" in row
