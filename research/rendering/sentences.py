"""Everyday English sentences from a small grammar, many bilabials and open vowels among them."""

from __future__ import annotations

import numpy as np

_PEOPLE = [
    "my brother",
    "the baker",
    "our neighbour",
    "a young doctor",
    "the old farmer",
    "her mother",
    "the bus driver",
    "my best friend",
    "the piano teacher",
    "a famous painter",
    "the postman",
    "our manager",
    "the small boy",
    "her cousin Paul",
    "the museum guide",
    "a happy waiter",
    "the village people",
    "Barbara",
    "my uncle Bob",
    "the football team",
    "a man from Boston",
    "the new pilot",
    "everybody in the office",
    "the woman upstairs",
    "Emma and Peter",
    "the weather man",
    "a group of students",
    "our family",
    "the children",
    "a polite policeman",
    "somebody from work",
    "the captain",
    "my grandmother",
    "two farmers",
    "the florist",
]
_ACTIONS = [
    "bought a big blue bag",
    "painted the wooden boat",
    "opened the window above the table",
    "baked five apple pies",
    "walked along the river",
    "moved the piano upstairs",
    "washed the muddy car",
    "found a map of Poland",
    "made pumpkin soup for everyone",
    "played football in the park",
    "planted potatoes and beans",
    "read a poem about the moon",
    "picked a bowl of plums",
    "carried the heavy parcel home",
    "watched a film about bees",
    "fixed the bathroom lamp",
    "met a farmer from Alabama",
    "sold most of the honey",
    "took a photo of the bridge",
    "wrote a long letter to Michael",
    "kept the money in a box",
    "borrowed a warm jumper",
    "climbed up the mountain",
    "forgot the birthday present",
    "asked for more brown bread",
    "saw a fox behind the barn",
    "mixed the paint by hand",
    "brought home a pair of boots",
    "heard music from the balcony",
    "filled every bottle with water",
    "put the camera on the shelf",
    "chopped onions and mushrooms",
    "followed the path to the farm",
    "showed me a beautiful vase",
    "moved into a bigger apartment",
    "practised the violin for hours",
    "swept the floor before lunch",
    "spoke about the weather again",
    "waited for the evening boat",
    "built a model of the harbour",
    "taught us how to bake bread",
    "caught a fish in the pond",
    "wore a purple velvet hat",
    "lost the key to the back door",
    "finished the puzzle at home",
]
_WHEN = [
    "last Monday",
    "before breakfast",
    "in the middle of the summer",
    "on a foggy afternoon",
    "at half past five",
    "every morning",
    "at the beginning of May",
    "after the storm",
    "on the way home",
    "while it was snowing",
    "for the first time",
    "in about an hour",
    "without any help",
    "because it was warm",
    "as always",
    "in November",
    "right after the match",
    "during the holidays",
    "when the bell rang",
    "on Wednesday evening",
    "with a smile",
    "before anyone woke up",
    "just for fun",
    "two days ago",
    "near the old mill",
    "by the open fire",
    "from time to time",
    "at four in the afternoon",
]
_JOINS = ["and then", "but never", "and later", "or even", "and almost"]
_OPENERS = [
    "I believe",
    "maybe",
    "we were told that",
    "people say that",
    "of course",
    "to be fair",
    "by the way",
    "remember how",
    "I am happy that",
    "nobody knew why",
    "it is amazing how",
    "from what I have heard",
    "you may be aware that",
]


def random_sentence(rng: np.random.Generator) -> str:
    """One sentence of about 9 to 18 words; the number of different ones is in the millions."""
    who, other = rng.choice(_PEOPLE, 2, replace=False)
    did, also = rng.choice(_ACTIONS, 2, replace=False)
    when = rng.choice(_WHEN)
    shape = rng.integers(4)
    if shape == 0:
        words = f"{when} {who} {did} and {also}"
    elif shape == 1:
        words = f"{rng.choice(_OPENERS)} {who} {did} {when}"
    elif shape == 2:
        words = f"{who} {did} {rng.choice(_JOINS)} {also}"
    else:
        words = f"{who} {did} and {other} {also}"
    return words[0].upper() + words[1:] + "."
