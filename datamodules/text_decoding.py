"""The text of a user's file, or one line that says why it is none."""

import codecs
import gzip
import zlib
from pathlib import Path

from datamodules.source import refusal


def decoded_text(owner: str, argument: str, path: Path, encoding: str) -> str:
    """Read a file of text, unpacked where it ends in .gz; lines end with one character.

    Args:
        owner: class that asks, for the messages.
        argument: what names the file, for the messages.
        path: of the file.
        encoding: as Python calls it.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: when it is a folder, damaged, or no text in that encoding.
    """
    if path.is_dir():
        raise refusal(
            owner, argument, "be a file", f"the folder {path}", "give one file of sentences"
        )
    if not path.is_file():
        raise FileNotFoundError(
            f"{owner}: {argument} must be a file of sentences, got {str(path)!r}; "
            "give the path of an existing file"
        )
    data = path.read_bytes()
    try:
        data = gzip.decompress(data) if path.suffix.lower() == ".gz" else data
    except (OSError, EOFError, zlib.error) as error:
        raise refusal(
            owner, argument, "be a whole .gz file", f"{path} ({error})", "copy it anew"
        ) from error
    try:
        # Some programs mark the beginning of UTF-8; the mark is no letter of the first sentence.
        name = codecs.lookup(encoding).name
        text = data.decode("utf-8-sig" if name == "utf-8" else name)
    except LookupError as error:
        raise refusal(
            owner, "encoding", "be one that Python knows", encoding, "set encoding: utf-8"
        ) from error
    except UnicodeError as error:
        place = getattr(error, "start", 0)
        line, byte = data.count(b"\n", 0, place) + 1, data[place : place + 1].hex()
        raise refusal(
            owner,
            argument,
            f"be {encoding} text",
            f"the byte 0x{byte} in line {line} of {path}",
            "set encoding to what the file is written in, such as latin-1 or utf-16",
        ) from error
    if "\0" in text:
        raise refusal(
            owner,
            argument,
            "be text",
            f"the character 0 in line {text.count(chr(10), 0, text.index(chr(0))) + 1} of {path}",
            "give a file of sentences, or set encoding: utf-16",
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")
