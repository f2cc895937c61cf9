"""Decide by its name whether an argument, variable or option holds a secret."""

from __future__ import annotations


def words_of(text: str) -> frozenset[str]:
    """Return the words of a table that is written as prose."""
    return frozenset(text.split())


STEMS = (
    "pass",
    "pwd",
    "secret",
    "token",
    "key",
    "auth",
    "cred",
    "bearer",
    "pin",
    "jwt",
    "cookie",
)
"""A name without any of these holds no secret; asking for them is faster than splitting names."""

STRONG = words_of(
    "password passwords passwd passphrase passphrases passcode secret secrets credential "
    "credentials creds bearer apikey apikeys accesskey authkey authtoken accesstoken apitoken "
    "privatekey secretkey clientsecret authorization jwt cookie cookies"
)
"""Words that make a name secret wherever they stand in it."""

KEYS = words_of(
    "api access private secret auth encryption decryption encrypt signing ssh master account "
    "license session deploy webhook gpg rsa hmac subscription "
    "openai anthropic mistral cohere groq deepseek gemini huggingface hf wandb comet neptune "
    "github gitlab aws azure gcp google stripe"
)
"""What makes a "key" that follows it a secret; keys of attention or of a sort order are none."""

UNITS = words_of(
    "pad padding eos bos sos eot eod bot cls sep separator mask masked unk unknown special start "
    "begin end stop first last next prev previous current blank null empty dummy placeholder max "
    "min num n k top total avg mean per each single multi in out input output source target src "
    "tgt encoder decoder prefix suffix new added additional extra unused image img video vision "
    "visual audio speech text class word subword sub byte char query latent patch reg register "
    "sink prompt response completion context memory state action reward think thinking tool bad "
    "good forced suppress newline space cost loss budget limit time seconds ms dist distill "
    "distillation sample scene instance label entity answer question lang language a the of by "
    "no"
)
"""What makes a "token" that follows it a unit of text or its cost."""

PASSES = words_of("db database user admin root smtp mail email ftp ssh mysql redis proxy")
PINS = words_of("user card security sim account login")
PLURAL_TOKENS = words_of("access api auth refresh session secret")

ASIDES = words_of(
    "file files filename path paths dir directory folder length len size count policy env "
    "variable field column prompt min max"
)
"""Last words of names that speak about a secret without holding it, such as `password_file`."""

STRONG_WORD = 2
WEAK_WORD = 1


def looks_secret(name: str) -> bool:
    """Say whether what is called `name` is likely to be a secret.

    Looks at whole words ("monkey" is no key), split at everything that is not alphanumeric and at
    changes of case: `--api-key`, `API_KEY`, `apiKey` and "api key" are one name.
    """
    return secrecy(name) > 0


def secrecy(name: str) -> int:
    """Return 0 for an ordinary name, `WEAK_WORD` or `STRONG_WORD` for a secret one.

    Only a strong word makes a number a secret: a password may be 12345678, but a `token` that is a
    number is more likely one of a text.
    """
    return _judge(split_words(name)) if may_look_secret(name) else 0


def may_look_secret(text: str) -> bool:
    """Say whether `text` can hold a secret name at all."""
    lowered = text.lower()
    for stem in STEMS:  # noqa: SIM110 a generator would take twice as long
        if stem in lowered:
            return True
    return False


def split_words(name: str) -> list[str]:
    """Return the words of a name in lower case, without digits: `myAPIKey_2` is my, api, key."""
    words = []
    start = 0
    for place, letter in enumerate(name):
        if not letter.isalpha():
            words.append(name[start:place])
            start = place + 1
        # A capital begins a word after a small letter, and before one: "apiKey", "APIKey".
        elif letter.isupper() and not (
            name[place - 1 : place].isupper() and not name[place + 1 : place + 2].islower()
        ):
            words.append(name[start:place])
            start = place
    words.append(name[start:])
    return [word.lower() for word in words if word]


def _judge(words: list[str]) -> int:
    if not words or words[-1] in ASIDES:
        return 0
    if not STRONG.isdisjoint(words):
        return STRONG_WORD
    for place in range(1, len(words)):
        before, word = words[place - 1], words[place]
        if word in ("key", "keys") and before in KEYS:
            return STRONG_WORD
        if before == "pass" and word in ("word", "words", "phrase", "code"):
            return STRONG_WORD
    last = words[-1]
    before = words[-2] if len(words) > 1 else ""
    if last == "pin":
        return STRONG_WORD if not before or before in PINS else 0
    if last in ("pass", "pwd"):
        return STRONG_WORD if before in PASSES else 0
    if last == "token":
        return WEAK_WORD if before not in UNITS else 0
    if last == "tokens":
        return WEAK_WORD if before in PLURAL_TOKENS else 0
    return WEAK_WORD if last in ("auth", "oauth") else 0
