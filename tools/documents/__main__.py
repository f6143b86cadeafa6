"""``python -m tools.documents``: writes all that is made of parsers and types."""

from pathlib import Path

from tools.documents import completion, man, reference

ROOT = Path(__file__).parents[2]


def documents() -> dict[Path, str]:
    """Give each file's content by its path below the checkout."""
    return {
        Path("docs/reference-configuration.md"): reference.reference(),
        **{Path("docs/man") / name: page for name, page in man.pages().items()},
        **{Path("contrib/completion") / name: script for name, script in completion.scripts().items()},
    }


def main() -> None:
    for path, content in documents().items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(content)


if __name__ == "__main__":
    main()
