"""Bytes to text: which encoding a table is written in, or that it is no text at all."""

from __future__ import annotations

import codecs

from ensue.errors import DataError

_BOMS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_CONTROL = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1a\x1c\x1d\x1e\x1f"))


def decode(name: str, data: bytes) -> tuple[str, str]:
    r"""The text of a table and the encoding it was in; a byte order mark is taken off.

    UTF-8, then UTF-16 (with or without a mark), then cp1252, which is Latin-1 with printable signs.

    Raises:
        DataError: The bytes are no text, or text with damaged places.

    >>> decode("a.csv", "Köln;1,5".encode("cp1252"))
    ('Köln;1,5', 'cp1252')
    """
    mark, encoding = next(((mark, each) for mark, each in _BOMS.items() if data.startswith(mark)), (b"", ""))
    data = data[len(mark) :]
    encoding = encoding or _utf16_without_mark(data)
    if encoding.startswith(("utf-16", "utf-32")):
        return _decode_or_refuse(name, data, encoding), encoding.upper()[:6]
    if _is_binary(data):
        raise DataError(f"'{name}' is not a text table but binary data: check the file, or give it its right ending.")
    try:
        return data.decode("utf-8"), "UTF-8"
    except UnicodeDecodeError as error:
        if mark or _is_mostly_utf8(data):
            raise _undecodable(name, data, "UTF-8", error) from error
    return _decode_or_refuse(name, data, "cp1252"), "cp1252"


def _decode_or_refuse(name: str, data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _undecodable(name, data, encoding, error) from error


def _undecodable(name: str, data: bytes, encoding: str, error: UnicodeDecodeError) -> DataError:
    line = data.count(b"\n", 0, error.start) + 1
    return DataError(
        f"'{name}' cannot be read as {encoding} text: line {line} holds the byte 0x{data[error.start]:02x}, which has "
        "no meaning there: save the file as UTF-8."
    )


def _utf16_without_mark(data: bytes) -> str:
    """UTF-16 by its zero bytes: ASCII signs have one in every second place."""
    head = data[:4000]
    if len(head) < 4 or head.count(0) < 0.3 * len(head):
        return ""
    if head[0::2].count(0) == 0:
        return "utf-16-le"
    return "utf-16-be" if head[1::2].count(0) == 0 else ""


def _is_binary(data: bytes) -> bool:
    """Text holds no control signs; one stray sign in a thousand is forgiven, a zero byte is not."""
    if 0 in data:
        return True
    head = data[:100_000]
    return len(head) - len(head.translate(None, _CONTROL)) > len(head) / 1000


def _is_mostly_utf8(data: bytes) -> bool:
    """UTF-8 with a damaged place, rather than another encoding: more of it fits the rules than breaks them."""
    text = data.decode("utf-8", errors="replace")
    broken = text.count("�")
    whole = sum(1 for sign in text if sign > "\x7f") - broken
    return whole > broken
