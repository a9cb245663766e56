"""What can be asked of a module: callbacks and commands look here before they do.

- ``draw_latents`` and ``decode``: images of latents;
- ``words(tokens)`` besides: what is made of latents is sentences, int64 ``(N, T)``;
- ``directions`` and ``translate(images, source, target)``: images of one domain from another; the
  commands also take ``domains``, ``image_shapes`` and ``sampler()``, as of ``TranslationModule``;
- ``directions``, ``rewrite(tokens, source, target)`` and ``words(tokens)``: sentences of one domain
  from another; the commands also take ``domains``, ``lengths`` and ``vocabulary``;
- ``map_words(vectors)``: word vectors of one language in the space of another;
- ``transcribe(speech, mask)``: phonemes of utterances;
- ``panels(batch)``: columns of pictures by title, of modules that are fed something else.

A module that makes no images has none to draw or watch; one that maps words, rewrites sentences or
transcribes speech is scored. Of samples in two dimensions, floats are points and integers
sentences.
"""

from typing import Any


def draws(module: Any) -> bool:
    """Whether a module makes images, points or sentences of latents."""
    return hasattr(module, "draw_latents") and hasattr(module, "decode")


def speaks(module: Any) -> bool:
    """Whether what a module makes of latents is sentences."""
    return draws(module) and hasattr(module, "words")


def translates(module: Any) -> bool:
    """Whether a module leads images from domain to domain."""
    return hasattr(module, "translate") and bool(getattr(module, "directions", ()))


def rewrites(module: Any) -> bool:
    """Whether a module leads sentences from domain to domain."""
    return hasattr(module, "rewrite")


def maps_words(module: Any) -> bool:
    """Whether a module leads word vectors from language to language."""
    return hasattr(module, "map_words")


def transcribes(module: Any) -> bool:
    """Whether a module writes down what it hears."""
    return hasattr(module, "transcribe")


def has_panels(module: Any) -> bool:
    """Whether a module is shown by what becomes of its inputs."""
    return translates(module) or hasattr(module, "panels")
