"""Where the texts and the runs are: the workspace folder."""

import os
from dataclasses import dataclass
from pathlib import Path

from rnnbench.errors import CorpusError

_PACKAGE = Path(__file__).parent
TEXT_SUFFIXES = (".txt", ".zip", ".tsv", ".gz", ".bz2", ".xz")


def bundled_corpora() -> Path:
    """The texts that come with the project: inside an installed package, or beside it in a checkout."""
    installed = _PACKAGE / "bundled_corpora"
    return installed if installed.is_dir() else _PACKAGE.parent / "corpora"


def from_home(path: str | Path) -> Path:
    """The path with the home folder in place of `~`; as it is where it names a user who does not exist."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path's raises RuntimeError for such a user


def _is_there(path: Path) -> bool:
    """Whether something has this name, be it readable or not: who opens it says what is wrong with it."""
    try:
        return path.is_symlink() or path.exists()
    except PermissionError:
        return True
    except OSError:  # such as a name that is too long
        return False


@dataclass(frozen=True)
class Workspace:
    """A folder with `corpora/` and `runs/`."""

    root: Path

    @classmethod
    def choose(cls, option: Path | None = None) -> "Workspace":
        """The folder given by the option, else by RNNBENCH_HOME, else the current one."""
        return cls(from_home(option or os.environ.get("RNNBENCH_HOME") or ".").absolute())

    @property
    def runs(self) -> Path:
        """Where runs are kept."""
        return self.root / "runs"

    @property
    def cache(self) -> Path:
        """Encoded texts, shared by runs; everything in it can be made again."""
        return self.runs / ".cache"

    @property
    def queue(self) -> Path:
        """What waits to be trained; hidden, so no run."""
        return self.runs / ".queue"

    def is_queued(self, name: str) -> bool:
        """Whether a run of that name waits."""
        return (self.queue / f"{name}.json").exists()

    @property
    def corpora_folders(self) -> list[Path]:
        """Where a bare corpus name is looked up: the workspace's own texts first, then the bundled ones."""
        return list(dict.fromkeys([self.root / "corpora", bundled_corpora()]))

    def corpora(self) -> list[Path]:
        """Every text that can be chosen by name, sorted, the workspace's own before bundled ones of that name."""
        found: dict[str, Path] = {}
        for folder in self.corpora_folders:
            for path in sorted(folder.glob("*")) if folder.is_dir() else []:
                if path.suffix in TEXT_SUFFIXES and path.is_file() and not path.name.startswith("."):
                    found.setdefault(path.name, path)
        return [found[name] for name in sorted(found)]

    def find_corpus(self, name: str) -> Path:
        """The file meant by `name`: a path, or the name (suffix optional) of a text in a corpora folder.

        A name that begins with `~` is sought there before it is somebody's home. Raises CorpusError when there is none.
        """
        given, known_by_name = from_home(name), list[Path]()
        if Path(name).name == name:
            endings = ("", *TEXT_SUFFIXES)
            known_by_name = [folder / f"{name}{end}" for folder in self.corpora_folders for end in endings]
        for path in [*known_by_name, given] if name.startswith("~") else [given, *known_by_name]:
            if _is_there(path):
                return path.absolute()
        known = ", ".join(path.stem for path in self.corpora()) or "none"
        raise CorpusError(f"corpus not found: {name}", f"texts known by name: {known}")
