from __future__ import annotations

import pytest

from meticulous.errors import GitError
from meticulous.git.present import places_of


def test_texts_are_found_in_the_files_of_a_commit_and_not_in_the_working_tree(repository):
    sha = repository.commit({"a b/train.py": "import os\nseed(3)\n", "other.py": "seeds\n"})
    repository.write("other.py", "seed(3)\n")

    found = places_of(str(repository.directory / "a b"), sha, ["seed(", "rand("])

    assert found == ["a b/train.py:2"]
    assert places_of(str(repository.directory), sha, ["nowhere"]) == []


def test_a_commit_that_is_not_there_holds_no_answer(repository):
    with pytest.raises(GitError):
        places_of(str(repository.directory), "0" * 39 + "1", ["seed("])
