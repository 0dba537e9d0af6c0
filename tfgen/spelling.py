"""Words of error messages: the name that a misspelt one was probably meant to be, and who has what is missing."""

import difflib


def meant(word: str, choices, cutoff: float = 0.6) -> str:
    """The words ` (did you mean 'vae'?)` for the choice that is most like a word, whatever its case; "" for none."""
    by_spelling = {choice.lower(): choice for choice in map(str, choices)}
    close = difflib.get_close_matches(str(word).lower(), by_spelling, n=1, cutoff=cutoff)
    return f" (did you mean {by_spelling[close[0]]!r}?)" if close else ""


def had_by(names: list[str]) -> str:
    """The words `, which vae, cvae have` for those that have what something else lacks; "" for nobody."""
    return f", which {', '.join(names)} {'have' if len(names) > 1 else 'has'}" if names else ""
