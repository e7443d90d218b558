"""Documents and folders that must end in one sentence, each with the place of the mistake."""

from pathlib import Path

import pytest

from tests.unit.cli.conftest import Nas

HEAD = "language: 1\nname: bad\nscale: 4\n"
BODY = "network:\n  width: 8\n  head: {op: conv}\n  tail: {op: pixelshuffle, kernel: 3}\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
SPACES = {
    "unknown op": (HEAD + BODY.replace("op: conv", "op: convolve"), "convolve"),
    "empty choice": (HEAD + BODY.replace("width: 8", "width: {choice: []}"), "choice"),
    "no architecture": (HEAD + BODY.replace("width: 8", "width: {int: [8, 4]}"), "int"),
    "contradictory bounds": (HEAD + BODY + 'require: ["params <= 10", "params >= 20"]\n', "params"),
    "bound that nothing meets": (HEAD + BODY + 'require: ["params <= 1"]\n', "params <= 1"),
    "anchors that explode": (HEAD + BOMB + BODY, ""),
    "10,000 levels": ("[" * 10_000 + "]" * 10_000, ""),
    "python tag": (HEAD + "let: !!python/object/apply:os.system [true]\n" + BODY, ""),
    "not a mapping": ("- 1\n- 2\n", ""),
    "not YAML": ("a: [1\n", ""),
    "empty": ("", ""),
    "not text": ("\x00\x01", ""),
}


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("command", ["check", "search"])
def test_a_bad_space_is_one_sentence(nas: Nas, tmp_path: Path, name: str, command: str) -> None:
    text, place = SPACES[name]
    file = tmp_path / "bad.yaml"
    file.write_text(text)

    result = nas("spaces", "check", str(file)) if command == "check" else nas("search", str(file))

    assert (result.status, result.out) == (2, ""), result.err
    assert len(result.err.strip().splitlines()) == 1
    assert place in result.err


def folder_of(tmp_path: Path, kind: str) -> Path:
    folder = tmp_path / kind
    if kind != "missing":
        folder.mkdir()
    if kind == "text":
        for number in range(3):
            (folder / f"{number}.png").write_text("no picture")
    return folder


@pytest.mark.parametrize("kind", ["empty", "missing", "text"])
@pytest.mark.parametrize(
    "arguments",
    [["data", "add", "mine"], ["search", "span", "--data"], ["train", "system:EMSR", "--data"]],
    ids=lambda arguments: arguments[0],
)
def test_a_bad_data_folder_is_one_sentence(nas: Nas, tmp_path: Path, kind: str, arguments: list[str]) -> None:
    folder = folder_of(tmp_path, kind)

    result = nas(*arguments, str(folder))

    assert (result.status, result.out) == (2, "")
    assert len(result.err.strip().splitlines()) == 1
    assert str(folder) in result.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--trials", "0"], "trials"),
        (["--trials", "-3"], "trials"),
        (["--seed", "-1"], "seed"),
        (["--sampler", "dice"], "sampler"),
        (["--objectives", "psnr,beauty"], "objectives"),
        (["--objectives", "psnr,psnr"], "objectives"),
        (["--objectives", ""], "objectives"),
        (["--require", "latency_ms <= 5", "--require", "latency_ms >= 6"], "latency_ms"),
        (["--require", "beauty >= 1"], "beauty"),
        (["--recipe", "guess"], "guess"),
        (["--data", "unregistered"], "unregistered"),
        (["--data", "../etc"], "../etc"),
        (["--device", "abacus"], "device"),
    ],
    ids=" ".join,
)
def test_a_search_that_cannot_be_is_refused_before_it_is_stored(nas: Nas, arguments: list[str], said: str) -> None:
    result = nas("search", "span", *arguments)

    assert (result.status, result.out) == (2, "")
    assert len(result.err.strip().splitlines()) == 1
    assert said in result.err
    assert nas("status", "--json").document == []
