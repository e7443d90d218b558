import pytest

from nas.errors import LanguageError
from nas.language.reader import DEEPEST, LARGEST_TEXT_BYTES, MOST_NODES, check_tree, read_text


def test_yaml_is_version_1_2() -> None:
    assert read_text("{rate: 2e-3, off: off, yes: yes, octal: 0o17}", "a.yaml") == {
        "rate": 0.002,
        "off": "off",
        "yes": "yes",
        "octal": 15,
    }


def test_json_is_read_too() -> None:
    assert read_text('{"a": [1, 2.5, "x", true]}', "a.json") == {"a": [1, 2.5, "x", True]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &x [1, 2]\nb: [*x, *x]", "anchors"),
        ("&a [*a]", "anchors"),
        ("a: !!python/object/apply:os.system ['true']", "tag"),
        ("a: !mine 3", "tag"),
        ("[" * 10_000 + "]" * 10_000, f"more than {DEEPEST} levels"),
        ("a: 1\na: 2", "duplicate"),
        ("a: ~", "no nulls"),
        ("a:", "no nulls"),
        ("a: .nan", "finite"),
        ("a: -.inf", "finite"),
        ("a: 99999999999999999999", "2^53"),
        ("1: a", "not text"),
        ("a: [1, 2", "not valid YAML"),
        ("a: 2026-11-23", "date"),
        ("[" + "1," * (MOST_NODES + 1) + "1]", f"more than {MOST_NODES}"),
        ("a" * (LARGEST_TEXT_BYTES + 1), "KiB"),
    ],
)
def test_what_strangers_send_is_refused_in_one_sentence(text: str, words: str) -> None:
    with pytest.raises(LanguageError) as caught:
        read_text(text, "a.yaml")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": 1, "a": 2}', "{", '{"a": NaN}', '{"a": null}'])
def test_bad_json_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(LanguageError) as caught:
        read_text(text, "a.json")
    assert "\n" not in str(caught.value)


def test_a_message_names_the_path_of_the_value() -> None:
    with pytest.raises(LanguageError, match=r"^network\.body\.1\.kernel: "):
        read_text("network: {body: [conv, {op: conv, kernel: ~}]}", "a.yaml")


def test_a_deep_tree_from_http_is_refused_without_recursion() -> None:
    tree: list[object] = []
    for _ in range(100_000):
        tree = [tree]
    with pytest.raises(LanguageError, match="levels deep"):
        check_tree(tree)
