"""What can be asked of a module: callbacks and commands look here before they do.

- ``draw_latents`` and ``decode``: images of latents;
- ``directions`` and ``translate(images, source, target)``: images of one domain from another; the
  commands also take ``domains``, ``image_shapes`` and ``sampler()``, as of ``TranslationModule``;
- ``panels(batch)``: columns of pictures by title, of modules that are fed something else.

A module that offers none of these has no images to draw, score or watch.
"""

from typing import Any


def draws(module: Any) -> bool:
    """Whether a module makes images of latents."""
    return hasattr(module, "draw_latents") and hasattr(module, "decode")


def translates(module: Any) -> bool:
    """Whether a module leads images from domain to domain."""
    return hasattr(module, "translate") and bool(getattr(module, "directions", ()))


def has_panels(module: Any) -> bool:
    """Whether a module is shown by what becomes of its inputs."""
    return translates(module) or hasattr(module, "panels")
