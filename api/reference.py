"""The reference at ``/docs``: the OpenAPI description as a page that needs no script and no network."""

import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from api.problems import kind_of, kinds, slug

Description = Mapping[str, Any]

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>API reference</title>
<link rel="icon" href="/page/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/page/style.css">
</head>
<body>
<header class="bar"><a class="brand" href="/"><span>Efficient SR <b>search</b></span></a>
<nav aria-label="Service"><a href="/openapi.json">OpenAPI</a></nav></header>
<main class="reference">
"""


def render(openapi: Description) -> str:
    """The whole page."""
    info = openapi["info"]
    parts = [
        _HEAD,
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{escape(info['description'])} ",
        'Every error is a problem document (RFC 9457); its <code>type</code> leads <a href="#problems">here</a>.</p>',
        *_groups(openapi),
        *_problems(),
        "</main></body></html>",
    ]
    return "".join(parts)


def _groups(openapi: Description) -> Iterator[str]:
    groups: dict[str, list[str]] = {}
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(operation["tags"][0], []).append(_operation(openapi, method, path, operation))
    for tag, operations in groups.items():
        yield f"<section><h2>{escape(tag.capitalize())}</h2>{''.join(operations)}</section>"


def _operation(openapi: Description, method: str, path: str, operation: Description) -> str:
    title = (
        f'<span class="method">{method.upper()}</span> <code>{escape(path)}</code> '
        f'<span class="hint">{_words(operation["description"])}</span>'
    )
    rows = "".join(_parameter(one) for one in operation.get("parameters", []))
    table = f"<h3>Parameters</h3><table><tbody>{rows}</tbody></table>" if rows else ""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    sent = f"<h3>Body</h3>{_fields(openapi, body)}" if body else ""
    answers = "".join(f"<p>{_answer(openapi, code, one)}</p>" for code, one in operation["responses"].items())
    return f"<details><summary>{title}</summary><div>{table}{sent}<h3>Answers</h3>{answers}</div></details>"


def _parameter(parameter: Description) -> str:
    where = f"{parameter['in']}{', required' if parameter['required'] else ''}"
    return _row(parameter["name"], where, _kind(parameter["schema"]), parameter.get("description", ""))


def _fields(openapi: Description, schema: Description) -> str:
    found = _resolved(openapi, schema)
    required = found.get("required", [])
    rows = [
        _row(name, "required" if name in required else "", _kind(one), one.get("description", ""))
        for name, one in found.get("properties", {}).items()
    ]
    return f"<table><tbody>{''.join(rows)}</tbody></table>"


def _row(name: str, note: str, kind: str, words: str) -> str:
    cells = (f"<code>{escape(name)}</code>", escape(note), f"<code>{escape(kind)}</code>", _words(words))
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _words(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _answer(openapi: Description, code: str, answer: Description) -> str:
    schemas = [one["schema"] for one in answer.get("content", {}).values() if one.get("schema", {}).get("$ref")]
    words = f"<b>{escape(code)}</b> {_words(answer['description'])}"
    return words + "".join(_fields(openapi, schema) for schema in schemas if code.startswith("2"))


def _resolved(openapi: Description, schema: Description) -> Description:
    if "$ref" not in schema:
        return schema
    found: Description = openapi["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _kind(schema: Description) -> str:
    default = f" = {json.dumps(schema['default'])}" if "default" in schema else ""
    return _plain_kind(schema) + default


def _plain_kind(schema: Description) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "items" in schema:
        return f"list of {_kind(schema['items'])}"
    return str(schema.get("const", schema.get("type", "any")))


def _problems() -> Iterator[str]:
    yield '<section id="problems"><h2>Problems</h2><table><tbody>'
    yield '<tr id="validation"><td><code>validation</code></td><td>422</td><td>The request does not have the shape of '
    yield "its schema; <code>errors</code> names each value.</td></tr>"
    for kind in kinds():
        words = escape(kind_of(kind)[1])
        yield f'<tr id="{slug(kind)}"><td><code>{slug(kind)}</code></td><td>{kind.status}</td><td>{words}.</td></tr>'
    yield "</tbody></table></section>"
