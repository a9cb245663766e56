import pytest
import torch

from datamodules.summaries import (
    FILLING,
    LONGEST_ARTICLE,
    LONGEST_SUMMARY,
    OTHERS,
    WHICH,
    Summaries,
)


def words(data: Summaries, row: torch.Tensor) -> list[str]:
    return [data.vocabulary[token] for token in row.tolist() if token > 2]


def clauses(article: list[str]) -> dict[str, list[str]]:
    """Values of an article by their keys, without filling and articles; in order."""
    starts = [place - 1 for place, word in enumerate(article) if word == ":"]
    ends = [*starts[1:], len(article)]
    return {
        article[start]: [word for word in article[start + 2 : end] if word not in (*FILLING, "the")]
        for start, end in zip(starts, ends, strict=True)
    }


def test_summary_is_the_short_form_of_the_news_of_its_article() -> None:
    data = Summaries(samples=300)
    pairs = data.paired_reference("held_out")
    assert pairs is not None and len(pairs) == 30
    for pair in (pairs[number] for number in range(30)):
        found = clauses(words(data, pair["a"]))
        assert 4 <= len(found) <= 6 and set(found) <= {*OTHERS, "news"}
        assert words(data, pair["b"]) == found.pop("news")
        assert all(value[0] in OTHERS[key] and len(value) == 1 for key, value in found.items())
    assert data.domain_titles == {"a": "articles", "b": "summaries"}
    assert data.image_shapes == {"a": (28,), "b": (8,)}


def test_no_summary_of_training_belongs_to_an_article_of_training() -> None:
    data = Summaries(samples=400)
    articles = {
        tuple(clauses(words(data, item["image"]))["news"]) for item in data.reference("train", "a")
    }
    summaries = {tuple(words(data, item["image"])) for item in data.reference("train", "b")}
    held_out = {tuple(words(data, item["image"])) for item in data.reference("held_out", "b")}
    assert len(articles) == len(summaries) == 180 and len(held_out) == 40
    assert not articles & summaries and not (articles | summaries) & held_out


def test_articles_are_long_in_random_order_and_summaries_short() -> None:
    data = Summaries()
    tokens = data._opened().tokens
    lengths = {domain: (rows > 2).sum(1) for domain, rows in tokens.items()}
    assert lengths["a"].max() <= 27 and lengths["a"].min() >= 15
    assert (lengths["b"].min(), lengths["b"].max()) == (3, LONGEST_SUMMARY)
    orders = [list(clauses(words(data, torch.from_numpy(row)))) for row in tokens["a"][:500]]
    places = [order.index("news") / (len(order) - 1) for order in orders]
    # The news is not what an article begins with: its first words are a poor summary.
    assert abs(sum(places) / len(places) - 0.5) < 0.06
    assert sum(place == 0.0 for place in places) < 140
    assert sum(len(order) == 4 for order in orders) > 120 < sum(len(o) == 6 for o in orders)
    used = set(tokens["a"].ravel().tolist())
    assert set(range(len(data.vocabulary))) - used == {1, 3}


def test_filling_takes_the_room_that_is_left() -> None:
    counts = {}
    for length in (LONGEST_ARTICLE + 1, 30):
        data = Summaries(samples=400, length_a=length)
        articles = [words(data, item["image"]) for item in data.reference("train", "a")]
        assert max(map(len, articles)) < length
        counts[length] = sum(word in FILLING for article in articles for word in article)
    assert 0 < counts[LONGEST_ARTICLE + 1] < counts[30]
    assert any(word in article for article in articles for word in WHICH)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"samples": -4}, r"samples must lie in 4\.\.50000, got -4; set samples: 4000"),
        ({"length_a": 25}, r"length_a must be at least 26, .*, got 25; set length_a: 26"),
        ({"length_b": 6}, r"length_b must be at least 7, .*, got 6; set length_b: 7"),
    ],
)
def test_sets_that_cannot_be_are_refused(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=f"^Summaries: {message}"):
        Summaries(**arguments)
