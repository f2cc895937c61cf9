"""Opens repositories with GitPython, which is imported here and nowhere else."""

from __future__ import annotations

from pathlib import Path

from meticulous.errors import GitNotInstalledError, NoRepositoryError
from meticulous.git.failure import missing_folder, not_installed

TYPE_CHECKING = False
if TYPE_CHECKING:
    import git


def open_repository(directory: str) -> git.Repo:
    """Return GitPython's object for the repository that holds `directory`.

    Importing GitPython takes longer than the whole start of a run, so nothing else here uses it.

    Raises:
        NoRepositoryError: The folder does not exist or lies in no repository.
        GitNotInstalledError: There is no git; GitPython cannot even be imported then.
    """
    try:
        import git
    except ImportError as error:
        if error.name is not None:  # GitPython itself is missing or broken
            raise
        raise GitNotInstalledError(not_installed()) from error

    class LiteralGit(git.Git):
        """GitPython's runner of git, but for the folder itself.

        Given a string, it would expand a "$" in the path, and then work in the repository of the
        current directory because that other folder does not exist.
        """

        def __init__(self, working_dir: str | None = None) -> None:
            super().__init__(None if working_dir is None else Path(working_dir))

    class Repo(git.Repo):
        """`git.Repo` for any path."""

        GitCommandWrapperType: type[git.Git] = LiteralGit

    try:
        return Repo(directory, search_parent_directories=True, expand_vars=False)
    except git.NoSuchPathError as error:
        raise NoRepositoryError(missing_folder(directory, is_file=False)) from error
    except git.InvalidGitRepositoryError as error:
        raise NoRepositoryError(
            f"No git repository was found in {directory} or above it, so there is none to open. "
            "Start from a folder inside a repository."
        ) from error
