"""``ganagerie list``: the catalogue, read without importing torch."""

from __future__ import annotations

import json
from collections.abc import Sequence

from experiments.arguments import OneLineParser
from gan_modules import CATALOGUE, CHAPTERS, Variant

#: Data modules by the batches that they give, in the order in which one would try them.
DATA = {
    "Images": (
        *("MNIST5k", "OpenMoji", "StackedMNIST", "Ring", "Grid", "ImageFolder"),
        *("MNIST", "FashionMNIST", "CIFAR10", "CIFAR100", "STL10", "CelebA", "LSUN"),
    ),
    "CaptionedImages": ("OpenMojiCaptions", "ColouredShapes", "CaptionedFolder"),
    "SoundImages": ("TonesAndShapes", "SpokenDigits", "SoundFolder"),
    "LabelSets": ("MultiDigits", "LabelSetFolder"),
    "PairedImages": ("OpenMojiPairs", "PairedFolders", "SideBySideImages", "PairedCSV"),
    "UnpairedImages": ("OpenMojiUnpaired", "UnpairedFolders"),
    "DomainImages": ("OpenMojiSkinTones", "DomainFolders", "AttributeFolder"),
    "Videos": ("MovingMNIST", "ForkingMaze", "VideoFolder"),
    "TalkingHeads": ("PuppetFaces",),
    "Sequences": ("Arithmetic", "OracleSequences", "Verses", "TextFile"),
    "UnpairedSequences": (
        *("TemplatedSentiment", "SubstitutionCipher", "NumberWords", "Summaries"),
        *("VersePairs", "MovieReviews", "UnpairedTextFiles"),
    ),
    "WordVectors": ("RotatedWords", "VectorFiles"),
    "SpeechAndText": ("Decipherment", "PrototypeSpeech", "SpokenPhonemes", "SpeechFolder"),
}


def main(argv: Sequence[str]) -> int:
    """Print the catalogue as a table, or as one JSON object a line."""
    parser = OneLineParser("ganagerie list", description="The catalogue of variants.")
    parser.add_argument("--json", action="store_true", help="one JSON object a variant")
    options = parser.parse_args(argv)
    if options.json:
        for row in CATALOGUE:
            print(json.dumps(as_record(row)))
        return 0
    width = max(len(row.name) for row in CATALOGUE)
    of_paper = max(len(row.paper) for row in CATALOGUE)
    of_batch = max(len(row.batch) for row in CATALOGUE)
    for chapter, rows in CHAPTERS.items():
        print(chapter)
        for row in rows:
            paper = f"{row.paper:<{of_paper}}"
            print(f"  {row.name:<{width}}  {paper}  {row.batch:<{of_batch}}  {row.config}")
    print("\nWhat gives these batches:")
    for batch, names in DATA.items():
        print(f"  {batch:<{of_batch}}  {', '.join(names)}")
    print("\nTo train one: ganagerie fit --config experiments/configs/<its file>")
    print("Any other combination: class_path: AdversarialModule with your own parts.")
    return 0


def chapter_of(row: Variant) -> str:
    """The chapter that a variant stands in."""
    return next(chapter for chapter, rows in CHAPTERS.items() if row in rows)


def as_record(row: Variant) -> dict[str, object]:
    """What ``list --json`` says of one variant."""
    return {
        "name": row.name,
        "family": row.family,
        "chapter": chapter_of(row),
        "paper": row.paper,
        "arxiv": row.arxiv,
        "config": f"experiments/configs/{row.config}",
        "batch": row.batch,
        "data": list(DATA[row.batch]),
    }
