"""The catalogue as it is printed: every variant, what it takes, and what gives that."""

import importlib
import json
import pkgutil
from collections.abc import Iterator

import pytest

import datamodules
from datamodules.source import DataSource
from experiments import listing
from gan_modules import CATALOGUE

#: What others are made of: they hold no images of their own.
BASES = {
    *("DataModule", "TwoDomains", "PairedDataModule", "UnpairedDataModule", "PairedFiles"),
    *("TwoDomainFiles", "LineAndColour", "ExclusiveDomains", "GaussianMixture", "TorchvisionSet"),
    *("CaptionedData", "ClipData", "LabelSetData", "SoundData", "TableFolder"),
    *("SpeechAndTextData", "PhonemeLanguage", "WordVectorData"),
    *("SentenceDataModule", "TextNumbers", "TextData", "UnpairedSentences", "UnpairedTexts"),
}


def below(cls: type) -> Iterator[type]:
    for child in cls.__subclasses__():
        yield child
        yield from below(child)


def test_every_data_module_is_listed_under_the_batches_that_it_gives() -> None:
    for found in pkgutil.iter_modules(datamodules.__path__):
        importlib.import_module(f"datamodules.{found.name}")
    classes = {
        cls.__name__ for cls in below(DataSource) if cls.__module__.startswith("datamodules.")
    }
    listed = [name for names in listing.DATA.values() for name in names]
    assert len(set(listed)) == len(listed)
    assert set(listed) == classes - BASES
    assert {row.batch for row in CATALOGUE} <= set(listing.DATA)


def test_every_variant_is_printed_with_its_batches(capsys: pytest.CaptureFixture[str]) -> None:
    assert listing.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    for row in CATALOGUE:
        (line,) = [text for text in lines if text.split()[:1] == [row.name]]
        assert line.split() == [row.name, row.paper, row.batch, row.config]
    assert listing.main(["--json"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    by_name = {record["name"]: record for record in records}
    # A paper that is not on arXiv is named by where it is.
    assert by_name["RelGAN"]["paper"] == "OpenReview:rJedV3R5tm"
    assert by_name["RelGAN"]["arxiv"] is None
    assert by_name["GAN"]["paper"] == "arXiv:1406.2661"
    assert by_name["GAN"]["arxiv"] == "1406.2661"
    cycle = by_name["CycleGAN"]
    assert cycle["data"] == ["OpenMojiUnpaired", "UnpairedFolders"]
