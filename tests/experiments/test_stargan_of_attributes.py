"""A StarGAN of the user's own attributes, from the table to the translation."""

from pathlib import Path

from tests.command_server import CommandServer
from tests.helpers_bad_domains import noise_pictures, stargan
from tests.helpers_bad_inputs import Place, text_file

FLAGS = "image,red,round\n" + "".join(
    f"{number:03d}.png,{number % 2},{'' if number % 5 == 0 else number // 5 % 2}\n"
    for number in range(60)
)


def test_attributes_are_trained_probed_and_translated_into(
    server: CommandServer, tmp_path: Path
) -> None:
    place = Place(tmp_path, {}, Path())
    init_args = {"folder": "pictures", "table": "flags.csv", "batch_size": 4}
    data = {"class_path": "AttributeFolder", "init_args": init_args}
    for make in (
        noise_pictures("pictures", 60),
        text_file("flags.csv", FLAGS),
        stargan(["red", "round"], data, labels="independent", discriminator_steps=1),
    ):
        make(place)
    words = ("--config", "bad.yaml", "--trainer.max_steps", 2, "--run_dir", "run")
    code, output = server.run("fit", *words, cwd=tmp_path)
    assert code == 0 and "use it      ganagerie translate" in output, output
    asked = ("pictures/000.png", "--to", "round", "--out", "made")
    code, output = server.run("translate", "run", *asked, cwd=tmp_path)
    assert code == 0 and "red to round" in output, output
    assert (tmp_path / "made" / "000.png").is_file()
