from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous.recorder.secrets.names import looks_secret, split_words

SECRET = [
    "password",
    "PASSWORD",
    "db_password",
    "passwordHash",
    "--password",
    "user.password",
    "smtp_pass",
    "DB_PWD",
    "pass_word",
    "passphrase",
    "passcode",
    "secret",
    "secrets",
    "client_secret",
    "clientSecret",
    "SECRET_KEY",
    "AWS_SECRET_ACCESS_KEY",
    "credential",
    "credentials",
    "gcp-credentials",
    "creds",
    "bearer",
    "bearer_token",
    "apikey",
    "api_key",
    "apiKey",
    "API-KEY",
    "APIKey",
    "myAPIKey_2",
    "X-API-Key",
    "openai.api.key",
    "access_key",
    "AWS_ACCESS_KEY_ID",
    "private_key",
    "ssh_key",
    "auth_key",
    "encryption_key",
    "signing_key",
    "accountKey",
    "license_key",
    "private_keys",
    "auth",
    "basic_auth",
    "oauth",
    "Authorization",
    "token",
    "TOKEN",
    "hf_token",
    "HFToken",
    "jwt",
    "session_cookie",
    "--openai-key",
    "WANDB_KEY",
    "GITHUB_TOKEN",
    "access_token",
    "accessToken",
    "refresh_token",
    "csrf_token",
    "authtoken",
    "access_tokens",
    "wandb_api_key",
    "token_2",
    "secret1",
    "pin",
    "user_pin",
    "private_key_password",
    "slack_user_token",
    "AWS_SESSION_TOKEN",
    "VAULT_TOKEN",
]

ORDINARY = [
    "max_tokens",
    "maxTokens",
    "tokenizer",
    "num_tokens",
    "n_tokens",
    "token_dim",
    "token_id",
    "tokens",
    "tokens_per_batch",
    "pad_token",
    "eos_token",
    "bos_token",
    "cls_token",
    "sep_token",
    "mask_token",
    "unk_token",
    "special_token",
    "start_token",
    "end_token",
    "stop_token",
    "image_token",
    "new_token",
    "next_token",
    "padToken",
    "EOSToken",
    "per_token",
    "cost_per_token",
    "first_token",
    "n_token",
    "detokenize",
    "tokenize",
    "author",
    "authors",
    "keyboard",
    "key",
    "keys",
    "monkey",
    "n_keys",
    "attention_key_dim",
    "key_value",
    "key_size",
    "sort_key",
    "foreign_key",
    "public_key",
    "hotkey",
    "turkey",
    "secretary",
    "password_file",
    "secret_path",
    "key_file",
    "private_key_path",
    "credentials_dir",
    "password_length",
    "compass",
    "bypass",
    "passes",
    "num_passes",
    "forward_pass",
    "n_pass",
    "pass",
    "PWD",
    "OLDPWD",
    "pin_memory",
    "led_pin",
    "pinned",
    "spinning",
    "authority",
    "authenticate",
    "auth_method",
    "SSH_AUTH_SOCK",
    "XAUTHORITY",
    "GIT_AUTHOR_NAME",
    "accredited",
    "lr",
    "learning_rate",
    "seed",
    "name",
    "url",
    "host",
    "HOME",
    "data",
    "sample_token",
]


@pytest.mark.parametrize("name", SECRET)
def test_a_name_of_a_secret_is_recognised(name):
    assert looks_secret(name)


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_name_is_left_alone(name):
    assert not looks_secret(name)


@pytest.mark.parametrize(
    "name", ["api key", "Access Key", "private key of the server", "", " ", "_"]
)
def test_names_may_be_any_text(name):
    assert looks_secret(name) == ("ey" in name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("myAPIKey_2", ["my", "api", "key"]),
        ("--learning-rate", ["learning", "rate"]),
        ("HTTPServer", ["http", "server"]),
        ("Äpfel_undBirnen", ["äpfel", "und", "birnen"]),
        ("a1b", ["a", "b"]),
        ("", []),
        ("42", []),
    ],
)
def test_names_are_split_where_a_reader_would(name, words):
    assert split_words(name) == words


@given(st.text())
def test_any_text_can_be_judged(name):
    assert looks_secret(name) in (True, False)
    assert all(word.isalpha() or not word.isupper() for word in split_words(name))


@given(st.sampled_from(SECRET), st.sampled_from(["{}_1", "my_{}", "--{}", "app.{}", "1{}"]))
def test_a_secret_name_stays_one_with_something_before_it_or_a_number(name, form):
    words = split_words(form.format(name))
    assert looks_secret(form.format(name)) or words[-1] in ("pin", "pwd", "pass")
