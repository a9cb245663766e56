"""Settings that are misspelt, of a wrong type or out of range, in YAML and on the command line."""

import pytest

from tests.command_server import CommandServer
from tests.helpers_bad_inputs import DROPPED, Case, Place, check, folder, settings, text_file

FIT = "fit --config toy.yaml --run_dir new"
BAD = "fit --config bad.yaml --run_dir new"
EARLY = "pytorch_lightning.callbacks.EarlyStopping"
GRID = "callbacks.sample_grid.SampleGrid"

# fmt: off
MISSPELT = (
    Case(
        "section", f"{FIT} --modle.class_path GAN", "modle", "no setting", "did you mean --?model",
    ),
    Case(
        "trainer option", f"{FIT} --trainer.max_stepz 5", r"trainer\.max_stepz", "no setting",
        r"did you mean --trainer\.max_steps",
    ),
    Case(
        "beginning of a trainer option", f"{FIT} --trainer.max_step 5", r"trainer\.max_step ",
        "no setting", r"did you mean --trainer\.max_steps",
    ),
    Case(
        "model option", f"{FIT} --model.init_args.generatr_lr 1e-4",
        r"model\.init_args\.generatr_lr", "WGANGP", "did you mean generator_lr",
    ),
    Case(
        "network option", f"{FIT} --model.init_args.generator.init_args.hiden 5",
        r"generator\.init_args\.hiden", "MLPGenerator", "did you mean hidden",
    ),
    Case(
        "data option", f"{FIT} --data.init_args.lenght 5", r"data\.init_args\.lenght", "Ring",
        "did you mean length",
    ),
    Case(
        "option of a part", f"{FIT} --checkpointing.keep_lst 5", r"checkpointing\.keep_lst",
        "no setting", r"did you mean --checkpointing\.keep_last",
    ),
    Case(
        "section in YAML", BAD, "modell", "no setting", "did you mean model",
        make=(settings(modell={"class_path": "GAN"}),),
    ),
    Case(
        "trainer option in YAML", BAD, r"trainer\.max_step ", "no setting",
        "did you mean max_steps", make=(settings(trainer__max_step=5),),
    ),
    Case(
        "model option in YAML", BAD, r"model\.init_args\.penalty_wieght", "WGANGP",
        "did you mean penalty_weight", make=(settings(model__init_args__penalty_wieght=5),),
    ),
    Case(
        "network option in YAML", BAD, r"model\.init_args\.discriminator\.init_args\.layer\b",
        "MLPDiscriminator", "did you mean layers",
        make=(settings(model__init_args__discriminator__init_args__layer=2),),
    ),
    Case(
        "callback option in YAML", BAD, r"trainer\.callbacks.*monitr", "EarlyStopping",
        "did you mean monitor",
        make=(settings(trainer__callbacks=[{"class_path": EARLY, "init_args": {"monitr": "x"}}]),),
    ),
    Case(
        "option of a part in YAML", BAD, r"evaluation\.sampels", "no setting",
        "did you mean samples", make=(settings(evaluation__sampels=5),),
    ),
    Case(
        "class_path in YAML", BAD, r"model", "clas_path", "class_path and init_args",
        make=(settings(model__clas_path="WGANGP", model__class_path=DROPPED),),
    ),
    Case(
        "option of another class", f"{FIT} --model.init_args.objective Hinge",
        r"model\.init_args\.objective", "WGANGP", "there is generator, discriminator",
    ),
)

CLASSES = (
    Case("variant unknown", f"{FIT} --model WGANPG", "model", "WGANPG", "did you mean WGANGP"),
    Case(
        "variant unknown in YAML", BAD, "model", "Zyxwvut7", "there is GAN, DCGAN",
        make=(settings(model__class_path="Zyxwvut7"),),
    ),
    Case(
        "module of the class missing", f"{FIT} --model gan_modules.nothing.WGANGP", "model",
        r"gan_modules\.nothing\.WGANGP", "did you mean WGANGP",
    ),
    Case(
        "network unknown", BAD, r"model\.init_args\.generator", r"networks\.mlp\.MLPGen'",
        r"did you mean gan_modules\.networks\.mlp\.MLPGenerator",
        make=(settings(model__init_args__generator__class_path="gan_modules.networks.mlp.MLPGen"),),
    ),
    Case(
        "network that is none", BAD, r"model\.init_args\.discriminator", "OrderedDict", "Module",
        make=(settings(model__init_args__discriminator={"class_path": "collections.OrderedDict"}),),
    ),
    Case("data unknown", f"{FIT} --data MNIST6k", "data", "MNIST6k", "did you mean MNIST5k"),
    Case(
        "variant as data", f"{FIT} --data gan_modules.WGANGP", "data", "WGANGP",
        "there is .*ImageFolder",
    ),
    Case(
        "callback unknown", BAD, r"trainer\.callbacks", "SampelGrid", "did you mean SampleGrid",
        make=(settings(trainer__callbacks=[{"class_path": "SampelGrid"}]),),
    ),
    Case(
        "networks missing", BAD, r"WGANGP", "generator", r"model\.init_args",
        make=(settings(model={"class_path": "WGANGP"}),),
    ),
    Case("model missing", "fit --run_dir new", "model", "got none", "--config"),
    Case(
        "objective missing", BAD, "AdversarialModule", "objective", r"model\.init_args",
        make=(settings(model__class_path="AdversarialModule"),),
    ),
)

TYPES = (
    Case(
        "word for a count", f"{FIT} --trainer.max_steps ten", r"trainer\.max_steps", "ten",
        "whole number",
    ),
    Case(
        "fraction for a count", f"{FIT} --trainer.max_steps 2.5", r"trainer\.max_steps", r"2\.5",
        "whole number",
    ),
    Case(
        "word for a rate", f"{FIT} --model.init_args.generator_lr fast",
        r"model\.init_args\.generator_lr", "fast", "a number",
    ),
    Case(
        "word for a rate in YAML", BAD, r"model\.init_args\.generator\.init_args\.hidden", "many",
        "whole number", make=(settings(model__init_args__generator__init_args__hidden="many"),),
    ),
    Case(
        "one number for two", f"{FIT} --model.init_args.lr_decay=[10]",
        r"model\.init_args\.lr_decay", r"\[10\]", "2 values",
    ),
    Case(
        "choice that there is not", f"{FIT} --loggers.wandb maybe", r"loggers\.wandb", "maybe",
        "auto, online, offline, disabled",
    ),
    Case(
        "precision that there is not", f"{FIT} --trainer.precision 12", r"trainer\.precision", "12",
        "bf16-mixed",
    ),
    Case(
        "seed that is none", f"{FIT} --seed_everything nonsense", "seed_everything", "nonsense",
        "whole number",
    ),
    Case(
        "null for a count", BAD, r"data\.init_args\.batch_size", "null", "whole number",
        make=(settings(data__init_args__batch_size=None),),
    ),
    Case(
        "null for a section", BAD, "trainer", "null", "leave it out",
        make=(settings(trainer=None),),
    ),
    Case(
        "null for arguments", BAD, r"data\.init_args", "got null", "leave it out",
        make=(settings(data__init_args=None),),
    ),
    Case(
        "number for arguments", BAD, r"model\.init_args", "type int", "leave it out",
        make=(settings(model__init_args=3),),
    ),
    Case(
        "list for a section", BAD, "trainer", "- max_steps", "leave it out",
        make=(settings(trainer=["max_steps"]),),
    ),
)

RANGES = (
    Case(
        "no discriminator steps", f"{FIT} --model.init_args.discriminator_steps 0",
        "WGANGP: discriminator_steps", "got 0", "positive",
    ),
    Case(
        "negative rate", f"{FIT} --model.init_args.generator_lr=-1", "WGANGP: generator_lr",
        r"got -1", "positive",
    ),
    Case(
        "rates that rise before they begin", f"{FIT} --model.init_args.lr_decay=[10,5]",
        "WGANGP: lr_decay", r"\[10, 5\]", "rising",
    ),
    Case(
        "no units", f"{FIT} --model.init_args.generator.init_args.hidden=-3",
        "MLPGenerator: hidden", "got -3", "at least 1",
    ),
    Case(
        "empty batch", f"{FIT} --data.init_args.batch_size 0", "Ring: batch_size", "got 0",
        "set batch_size: 1",
    ),
    Case(
        "all data held out", f"{FIT} --data.init_args.held_out_share 1.5", "Ring: held_out_share",
        r"got 1\.5", r"set held_out_share: 0\.1",
    ),
    Case(
        "one sample to score", f"{FIT} --evaluation.samples 1", "Evaluation: samples", "got 1",
        "null, the default, is 2000, and 10000 of points",
    ),
    Case(
        "evaluations longer than training", f"{FIT} --evaluation.max_share 3",
        "Evaluation: max_share", "got 3", "null sets no limit",
    ),
    Case(
        "no last checkpoint", f"{FIT} --checkpointing.keep_last 0", "keep_last", "got 0",
        "at least 1",
    ),
    Case(
        "monitor that is no score", f"{FIT} --checkpointing.monitor beauty", "monitor", "beauty",
        "set mode",
    ),
    Case(
        "no columns", BAD, "SampleGrid: columns", "got 0", "at least 1",
        make=(settings(trainer__callbacks=[{"class_path": GRID, "init_args": {"columns": 0}}]),),
    ),
    Case(
        "weights of 16 bits", f"{FIT} --trainer.precision bf16-true", r"trainer\.precision",
        "bf16-true", "bf16-mixed",
    ),
    Case("negative seed", f"{FIT} --seed_everything=-1", "seed_everything", "got -1", r"0\.\.\d+"),
    Case("no steps", f"{FIT} --trainer.max_steps 0", r"trainer\.max_steps", "got 0", "above 0"),
    Case("no epochs", f"{FIT} --trainer.max_epochs 0", r"trainer\.max_epochs", "got 0", "above 0"),
    Case(
        "no batches", f"{FIT} --trainer.limit_train_batches 0", r"trainer\.limit_train_batches",
        "got 0", "above 0",
    ),
    Case("no devices", f"{FIT} --trainer.devices 0", "devices 0", "not a valid", "from 1"),
    Case("word for devices", f"{FIT} --trainer.devices two", "devices two", "int > 0", "from 1"),
    Case(
        "steps below 0", f"{FIT} --trainer.max_steps=-5", r"trainer\.max_steps", "got -5",
        "leave it out",
    ),
    Case(
        "no time", f"{FIT} --trainer.max_time 00:00:00:00", "trainer settings", "none played",
        r"raise trainer\.max_time",
    ),
    Case(
        "time that is none", f"{FIT} --trainer.max_time soon", r"trainer\.max_time", "soon",
        "leave it out",
    ),
    Case(
        "no checkpoints", f"{FIT} --trainer.enable_checkpointing false",
        r"trainer\.enable_checkpointing", "got False", r"checkpointing\.every_n_images",
    ),
    Case(
        "processes by spawning", f"{FIT} --trainer.strategy ddp_spawn", r"trainer\.strategy",
        "ddp_spawn", r"set trainer\.strategy: gan_ddp",
    ),
    Case(
        "accelerator unknown", f"{FIT} --trainer.accelerator abacus", "accelerator", "abacus",
        "cpu",
    ),
    Case(
        "accelerator absent", f"{FIT} --trainer.accelerator tpu", "accelerator", "tpu",
        "auto, cpu or gpu",
    ),
    Case(
        "strategy unknown", f"{FIT} --trainer.strategy nonsense", "strategy", "nonsense", "gan_ddp",
    ),
    Case(
        "more memory than there is",
        f"{FIT} --model.init_args.generator.init_args.hidden 1000000000000", "memory",
        "request for .* GB", "lower",
    ),
)

FILES = (
    Case("config without a name", "fit --config", "--config", "file", "for example"),
    Case(
        "config that is not there", "fit --config missing.yaml", "config", r"missing\.yaml",
        "ganagerie list",
    ),
    Case(
        "config that is a folder", "fit --config place", "config", "place is a folder",
        "ganagerie list", make=(folder("place"),),
    ),
    Case(
        "empty config", "fit --config bad.yaml", r"bad\.yaml", "empty", "model",
        make=(text_file("bad.yaml", ""),),
    ),
    Case(
        "config that is a list", "fit --config bad.yaml", r"bad\.yaml", "list", "model",
        make=(text_file("bad.yaml", "- a\n- b\n"),),
    ),
    Case(
        "broken YAML", "fit --config bad.yaml", r"bad\.yaml", "line 3", "mend that line",
        make=(text_file("bad.yaml", "trainer: {max_steps: 5}\nmodel: {class_path: GAN\ndata: x"),),
    ),
    Case(
        "tab in YAML", "fit --config bad.yaml", r"bad\.yaml", "line 2", "mend that line",
        make=(text_file("bad.yaml", "trainer:\n\tmax_steps: 5\n"),),
    ),
    Case(
        "picture for YAML", "fit --config bad.yaml", r"bad\.yaml", "text", "YAML",
        make=(text_file("bad.yaml", bytes(range(256))),),
    ),
    Case(
        "same key twice in YAML", "fit --config bad.yaml", r"bad\.yaml", "trainer", "once",
        make=(text_file("bad.yaml", "trainer: {max_steps: 5}\ntrainer: {max_steps: 6}\n"),),
    ),
)
# fmt: on


@pytest.mark.parametrize(
    "case", [*MISSPELT, *CLASSES, *TYPES, *RANGES, *FILES], ids=lambda case: case.id
)
def test_settings_are_refused_in_one_line(case: Case, place: Place, server: CommandServer) -> None:
    check(case, place, server)
