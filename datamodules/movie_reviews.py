"""Short sentences of film reviews, negative and positive: the rated snippets of VADER.

Hutto and Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media
Text", ICWSM 2014: 10,605 snippets of Rotten Tomatoes and 3,708 of Amazon, each with the mean of 20
ratings from -4 to 4. They come with the source distribution of vaderSentiment (MIT), not with what
pip installs, and are never downloaded from here::

    pip download --no-binary :all: --no-deps vaderSentiment==3.3.2 --dest data

and then ``root: data``.
"""

import html
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datamodules.text_domains import UnpairedTexts
from datamodules.texts import Texts

COMMAND = "pip download --no-binary :all: --no-deps vaderSentiment==3.3.2"
DISTRIBUTION = "vader[sS]entiment-*.tar.gz"
_INNER = "hutto_ICWSM_2014.tar.gz"
_FILES = {
    "movie": "movieReviewSnippets_GroundTruth.txt",
    "amazon": "amazonReviewSnippets_GroundTruth.txt",
}


class MovieReviews(UnpairedTexts):
    """Sentences about films: a = negative, b = positive.

    With the defaults some 2,300 of each.

    Args:
        root: the source distribution (.tar.gz), the archive in it, or a folder that holds one of
            them or their files; read in memory, nothing is unpacked.
        least_rating: how far the mean rating must lie from 0, above 0 to 4.
        amazon: also the snippets about products.
        **kwargs: see :class:`datamodules.text_numbers.TextNumbers`.

    Raises:
        ValueError: when an argument is out of range, or the files are not what they should be.
        FileNotFoundError: when they are not there; the message says how to get them.
    """

    def __init__(
        self, root: str, least_rating: float = 0.5, amazon: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if not 0.0 < least_rating <= 4.0:
            raise self._refusal(
                "least_rating", "lie above 0 and up to 4", least_rating, "set least_rating: 0.5"
            )
        self.root, self.least_rating = Path(root).expanduser(), least_rating
        self.kinds = ("movie", "amazon") if amazon else ("movie",)

    def slug(self) -> str:
        """movie-reviews-<length>, or reviews-<length> with the products."""
        return f"{'movie-' if len(self.kinds) == 1 else ''}reviews-{self.length}"

    @property
    def attribution(self) -> str:
        """Where the sentences are from."""
        return "VADER ground truth (Hutto and Gilbert, 2014), MIT"

    @property
    def domain_titles(self) -> dict[str, str]:
        """Negative and positive."""
        return {"a": "negative", "b": "positive"}

    def texts(self) -> Mapping[str, Texts]:
        """Read the snippets."""
        rated = [row for kind in self.kinds for row in self._rated(_FILES[kind])]
        between = sum(abs(rating) < self.least_rating for rating, _ in rated)
        left_out = {"neutral": between}
        return {
            "a": Texts([one for r, one in rated if r <= -self.least_rating], left_out=left_out),
            "b": Texts([one for r, one in rated if r >= self.least_rating], left_out=left_out),
        }

    def _rated(self, name: str) -> list[tuple[float, str]]:
        """Read one file: number, rating, sentence, with tabs between them."""
        rows = []
        for number, line in enumerate(self._content(name).splitlines(), 1):
            # Quotation marks are two apostrophes in these files.
            fields = html.unescape(line).replace("''", '"').split("\t")
            try:
                _, rating, sentence = fields
                rows.append((float(rating), sentence))
            except ValueError as error:
                raise self._refusal(
                    "root",
                    f"hold {name} with number, rating and sentence in every line",
                    f"{' '.join(fields)[:40]} in line {number}",
                    f"get the files anew: {COMMAND}",
                ) from error
        return [(rating, sentence) for rating, sentence in rows if sentence.strip()]

    def _content(self, name: str) -> str:
        root = self.root
        try:
            if root.is_dir():
                if found := sorted(root.rglob(name)):
                    return found[0].read_text(encoding="utf-8")
                packed = sorted(root.rglob(_INNER)) + sorted(root.rglob(DISTRIBUTION))
                root = packed[0] if packed else root
            if not root.is_file():
                raise FileNotFoundError(
                    f"{type(self).__name__}: root must be or hold the source distribution of "
                    f"vaderSentiment, got {str(self.root)!r}; {COMMAND}"
                )
            data = root.read_bytes()
            inner = _member(data, _INNER)
            content = _member(data if inner is None else inner, name)
            if content is None:
                raise KeyError(name)
            return content.decode()
        except (tarfile.TarError, EOFError, OSError, KeyError, UnicodeDecodeError) as error:
            if isinstance(error, FileNotFoundError):
                raise
            raise self._refusal(
                "root",
                f"be the source distribution of vaderSentiment with {name} in it",
                f"{root} ({error})",
                f"get it anew: {COMMAND}",
            ) from error


def _member(archive: bytes, name: str) -> bytes | None:
    """Read the first file of a name in a .tar.gz, wherever it lies."""
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:*") as packed:
        for member in packed:
            if member.isfile() and Path(member.name).name == name:
                file = packed.extractfile(member)
                assert file is not None
                return file.read()
    return None
