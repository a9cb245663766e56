"""What generators are told: domains, sentences, sounds and label sets that do not fit."""

from typing import Any

import pytest

from tests.command_server import CommandServer
from tests.helpers_bad_domains import (
    AB,
    cycle,
    folders,
    network,
    noise_pictures,
    of_sentences,
    of_sounds,
    pix2pix,
    sound,
    stargan,
    trains,
)
from tests.helpers_bad_inputs import Case, Make, Place, check, text_file, trained_on

BAD = "fit --config bad.yaml --run_dir new"
CATS_AND_DOGS = (noise_pictures("sets/cats"), noise_pictures("sets/dogs"))
PICTURES = (noise_pictures("pictures", size=(32, 32)),)
PLAIN = {"class_path": "ImageFolder", "init_args": {"folder": "pictures", "batch_size": 4}}
DIGITS = {"class_path": "MNIST5k", "init_args": {"size": 32, "batch_size": 4}}
NAMES = [f"{number:03d}.png" for number in range(24)]
SENTENCES = "image,caption\n" + "".join(f"{name},picture {name}\n" for name in NAMES)
FLAGS = "image,red,round\n" + "".join(f"{name},1,0\n" for name in NAMES)
HEARD = (
    noise_pictures("seen/cats", size=(32, 32)),
    noise_pictures("seen/dogs", size=(32, 32)),
    *(sound(f"heard/{name}/{n}.wav") for name in ("cats", "dogs") for n in range(4)),
)


def captioned(table: str = "words.csv", **more: object) -> dict[str, object]:
    small = {"folder": "pictures", "table": table, "batch_size": 4}
    return {"class_path": "CaptionedFolder", "init_args": {**small, **more}}


def attributes(**more: object) -> dict[str, object]:
    small = {"folder": "pictures", "table": "flags.csv", "size": 16, "batch_size": 4}
    return {"class_path": "AttributeFolder", "init_args": {**small, **more}}


def heard(images: str = "seen", **more: object) -> dict[str, object]:
    seen = {"class_path": "ImageFolder", "init_args": {"folder": images, "size": 32}}
    small = {"folder": "heard", "images": seen, "seconds": 0.5, "batch_size": 4}
    return {"class_path": "SoundFolder", "init_args": {**small, **more}}


def of_labels(labels: int = 2, data: dict[str, Any] | None = None) -> Make:
    own = {"folder": "pictures", "table": "flags.csv", "batch_size": 4}
    return trains(
        "MultiLabelGAN",
        data or {"class_path": "LabelSetFolder", "init_args": own},
        {
            "generator": network(
                "label_sets.LabelSetClassifier", size=32, channels=3, width=4, num_labels=labels
            ),
            "discriminator": network(
                "label_sets.LabelSetDiscriminator", feature_dim=256, num_labels=labels, hidden=4
            ),
            "pretraining_images": 4,
        },
    )


# fmt: off
DOMAINS = (
    Case(
        "fewer names than domains", BAD, r"StarGAN: attributes must have the shape \(N, 2\)",
        r"got \(\d, 3\)", "set domains",
        make=(*CATS_AND_DOGS, noise_pictures("sets/owls"), stargan(["cats", "dogs"])),
    ),
    Case(
        "names of other domains", BAD, "StarGAN: domains must be those of the data, cats, dogs",
        "got cats, wolves", "set domains", make=(*CATS_AND_DOGS, stargan(["cats", "wolves"])),
    ),
    Case(
        "names in another order", BAD, "StarGAN: domains must be those of the data, cats, dogs",
        "got dogs, cats", "set domains", make=(*CATS_AND_DOGS, stargan(["dogs", "cats"])),
    ),
    Case(
        "one name", BAD, "StarGAN: domains must be two different names or more", r"\['cats'\]",
        "give those of the data", make=(*CATS_AND_DOGS, stargan(["cats"])),
    ),
    Case(
        "one name twice", BAD, "StarGAN: domains must be two different names", "'cats', 'cats'",
        "give those of the data", make=(*CATS_AND_DOGS, stargan(["cats", "cats"])),
    ),
    Case(
        "one domain", BAD, "folder must have at least two sub-folders", "sets",
        "one sub-folder for every domain",
        make=(noise_pictures("sets/cats"), stargan(["cats", "dogs"])),
    ),
    Case(
        "no domains", BAD, "folder must have at least two sub-folders", "sets",
        "one sub-folder for every domain", make=(noise_pictures("sets"), stargan(["a", "b"])),
    ),
    Case(
        "labels that are neither", BAD, "labels", "some", "exclusive.*independent",
        make=(*CATS_AND_DOGS, stargan(["cats", "dogs"], labels="some")),
    ),
    Case(
        "attributes without a table", BAD, "AttributeFolder: table must be", r"flags\.csv",
        "existing file",
        make=(*PICTURES, stargan(["red", "round"], attributes(), labels="independent")),
    ),
    Case(
        "attribute that is neither", BAD, "column round must hold 0, 1 or nothing", "'maybe'",
        r"correct the row of 003\.png",
        make=(
            *PICTURES, text_file("flags.csv", FLAGS.replace("003.png,1,0", "003.png,1,maybe")),
            stargan(["red", "round"], attributes(), labels="independent"),
        ),
    ),
    Case(
        "attribute that no image has", BAD, "column round must hold 1 for some training images",
        "none among", "leave out the column",
        make=(
            *PICTURES, text_file("flags.csv", FLAGS),
            stargan(["red", "round"], attributes(), labels="independent"),
        ),
    ),
    Case(
        "names of other attributes", BAD, "StarGAN: domains must be those of the data, red, round",
        "got red, square", "set domains",
        make=(
            *PICTURES, text_file("flags.csv", FLAGS),
            stargan(["red", "square"], attributes(), labels="independent"),
        ),
    ),
)

WRONG_KIND = (
    Case(
        "CycleGAN of digits", BAD, "CycleGAN: batch must have the key a", "image", "choose a data",
        make=(cycle(DIGITS),),
    ),
    Case(
        "GAN of pairs", BAD, "DCGAN: batch must have the key image", r"'a', 'b'", "choose a data",
        make=(
            *AB,
            trained_on("PairedFolders", folder_a="A", folder_b="B",
                       evaluation={"samples": 12, "space": "rand_vgg"}),
        ),
        told=True,
    ),
    Case(
        "GAN of two domains", BAD, "DCGAN: batch must have the key image", r"'a', 'b'",
        "choose a data",
        make=(
            *AB,
            trained_on("UnpairedFolders", folder_a="A", folder_b="B",
                       evaluation={"samples": 12, "space": "rand_vgg"}),
        ),
        told=True,
    ),
    Case(
        "pix2pix of images", BAD, "Pix2Pix: batch must have the key a", "image", "choose a data",
        make=(*PICTURES, pix2pix(PLAIN)),
    ),
    Case(
        "StarGAN of two domains", BAD, "StarGAN: batch must have the key image", "'a', 'b'",
        "choose a data", make=(*AB, stargan(["a", "b"], folders())), told=True,
    ),
    Case(
        "StarGAN of images", BAD, "StarGAN: batch must have the key attributes", "image",
        "choose a data", make=(*PICTURES, stargan(["a", "b"], PLAIN)),
    ),
    Case(
        "sentences of images", BAD, "GANCLS: batch must have the key text", "image",
        "choose a data", make=(*PICTURES, of_sentences(PLAIN)),
    ),
    Case(
        "sounds of images", BAD, "SoundToImage: batch must have the key sound", "image",
        "choose a data", make=(*PICTURES, of_sounds(PLAIN)),
    ),
    Case(
        "label sets of images", BAD, "MultiLabelGAN: batch must have", "image", "choose|LabelSet",
        make=(*PICTURES, of_labels(data=PLAIN)),
    ),
    Case(
        "generator that is told nothing", BAD, "GANCLS: generator", "DCGANGenerator|None",
        "text_dim|choose|TextImage",
        make=(
            *PICTURES, text_file("words.csv", SENTENCES),
            of_sentences(
                captioned(),
                generator=network("dcgan.DCGANGenerator", size=32, channels=3, latent_dim=4,
                                  width=4),
            ),
        ),
    ),
)

CAPTIONS = (
    Case(
        "no captions", BAD, "CaptionedFolder: table must be a .csv or .jsonl", r"words\.csv",
        "existing file", make=(*PICTURES, of_sentences(captioned())),
    ),
    Case(
        "empty caption", BAD, "table must give every row a caption", "row 25", "fill in",
        make=(*PICTURES, text_file("words.csv", SENTENCES + "000.png,\n"),
              of_sentences(captioned())),
    ),
    Case(
        "caption of spaces", BAD, "caption must be a sentence", "got ' '",
        r"correct the row of 000\.png",
        make=(*PICTURES, text_file("words.csv", SENTENCES + "000.png,  \n"),
              of_sentences(captioned())),
    ),
    Case(
        "caption that is a number", BAD, "caption must be a sentence", "got 7",
        r"correct the row of 000\.png",
        make=(
            *PICTURES, text_file("words.jsonl", "".join(
                f'{{"image": "{name}", "caption": [7]}}\n' for name in NAMES)),
            of_sentences(captioned("words.jsonl")),
        ),
    ),
    Case(
        "column called otherwise", BAD, "table must give every row a caption", "row 1", "caption",
        make=(*PICTURES, text_file("words.csv", SENTENCES.replace("caption", "words", 1)),
              of_sentences(captioned())),
    ),
    Case(
        "image without a caption", BAD, "table must have a row for every image", r"'023\.png'",
        "add the row",
        make=(*PICTURES, text_file("words.csv", SENTENCES.partition("023.png")[0]),
              of_sentences(captioned())),
    ),
    Case(
        "caption without an image", BAD, "column image must name files below", r"'099\.png'",
        "relative to the folder",
        make=(*PICTURES, text_file("words.csv", SENTENCES + "099.png,a picture\n"),
              of_sentences(captioned())),
    ),
    Case(
        "one caption for all", BAD, "captions must differ", "one kind", "add images with other",
        make=(
            *PICTURES,
            text_file("words.csv", "image,caption\n" + "".join(f"{n},a\n" for n in NAMES)),
            of_sentences(captioned()),
        ),
    ),
    Case(
        "networks for other embeddings", BAD, r"GANCLS: text of the data has the shape \[256\]",
        r"take \[64\]", "set their sizes",
        make=(*PICTURES, text_file("words.csv", SENTENCES), of_sentences(captioned(), 64)),
    ),
    Case(
        "encoder that cannot be imported", BAD, "CallableEncoder: function", "nowhere:encode",
        "my_package",
        make=(
            *PICTURES, text_file("words.csv", SENTENCES),
            of_sentences(captioned(encoder={
                "class_path": "datamodules.text_encoders.CallableEncoder",
                "init_args": {"function": "nowhere:encode"},
            })),
        ),
    ),
    Case(
        "share beyond the whole", BAD, "GANCLS: mismatch_weight", r"got 1\.5", "0.*1",
        make=(*PICTURES, of_sentences(captioned(), mismatch_weight=1.5)),
    ),
    Case(
        "bank of nothing", BAD, "ConditionBank: size|bank_size", "got 0", "64",
        make=(*PICTURES, of_sentences(captioned(), bank_size=0)),
    ),
)

SOUNDS = (
    Case(
        "no sounds", BAD, "SoundFolder: folder must be a folder of sounds", "'heard'",
        "existing folder", make=(*HEARD[:2], of_sounds(heard())),
    ),
    Case(
        "images without classes", BAD, "SoundFolder: images must have classes", "ImageFolder",
        "choose labelled images", make=(*HEARD, *PICTURES, of_sounds(heard("pictures"))),
    ),
    Case(
        "class without a sound", BAD, "folder must have a sub-folder with .wav", "'owls'",
        "add sounds", make=(*HEARD, noise_pictures("seen/owls", size=(32, 32)),
                            of_sounds(heard())),
    ),
    Case(
        "sounds of no class", BAD, "folder must have sub-folders that are classes", "'owls'",
        "rename it or move it away", make=(*HEARD, sound("heard/owls/0.wav"), of_sounds(heard())),
    ),
    Case(
        "empty WAV", BAD, "read_wave: files must", r"heard/cats/9\.wav", "convert it to 16-bit PCM",
        make=(*HEARD, sound("heard/cats/9.wav", seconds=0), of_sounds(heard())),
    ),
    Case(
        "WAV of no bytes", BAD, "read_wave: files must", r"heard/cats/9\.wav",
        "convert it to 16-bit PCM", make=(*HEARD, text_file("heard/cats/9.wav", ""),
                                          of_sounds(heard())),
    ),
    Case(
        "MP3 called .wav", BAD, "read_wave: files must", r"heard/cats/9\.wav",
        "convert it to 16-bit PCM", make=(*HEARD, text_file("heard/cats/9.wav", "ID3" * 99),
                                          of_sounds(heard())),
    ),
    Case(
        "no time", BAD, "seconds must lie in", r"got 0\.01", "set seconds: 4",
        make=(*HEARD, of_sounds(heard(seconds=0.01))),
    ),
    Case(
        "networks for longer sounds", BAD,
        r"SoundToImage: sound of the data has the shape \[1, 64, 32\]", r"take \[1, 64, 99\]",
        "set their sizes", make=(*HEARD, of_sounds(heard(), frames=99)),
    ),
    Case(
        "more classes than the networks know", f"{BAD} --collapse_monitor.watch false",
        r"SoundToImage: labels must lie in 0\.\.0", r"0\.\.1", "set num_classes",
        make=(*HEARD, of_sounds(heard(), classes=1)),
    ),
)

LABEL_SETS = (
    Case(
        "label that is neither", BAD, "column red must hold 0 or 1", "'2'", "correct the row",
        make=(*PICTURES, text_file("flags.csv", FLAGS.replace("003.png,1", "003.png,2")),
              of_labels()),
    ),
    Case(
        "no labels at all", BAD, "table must name a label", r"flags\.csv", "add a column labels",
        make=(*PICTURES,
              text_file("flags.csv", "image,labels\n" + "".join(f"{n},\n" for n in NAMES)),
              of_labels()),
    ),
    Case(
        "image without labels", BAD, "table must have a row for every image", r"'023\.png'",
        "add the row",
        make=(*PICTURES, text_file("flags.csv", FLAGS.partition("023.png")[0]), of_labels()),
    ),
    Case(
        "networks of other labels", BAD, "MultiLabelGAN: label sets have the shape",
        r"\[2\] but .* 3 labels", "set num_labels",
        make=(*PICTURES, text_file("flags.csv", FLAGS), of_labels(3)),
    ),
)
# fmt: on


@pytest.mark.parametrize(
    "case", [*DOMAINS, *WRONG_KIND, *CAPTIONS, *SOUNDS, *LABEL_SETS], ids=lambda case: case.id
)
def test_what_generators_are_told_is_refused_in_one_line(
    case: Case, place: Place, server: CommandServer
) -> None:
    check(case, place, server)
