"""The `millstream` command."""

import sys


def main() -> None:
    """Run the command on this process's arguments and exit with its status."""
    try:
        from producers.cli.app import new_app  # noqa: PLC0415 - only here can its absence be told
        from producers.cli.boundary import run  # noqa: PLC0415 - same
    except ModuleNotFoundError as missing:
        if missing.name not in {"typer", "rich", "cronsim"}:
            raise
        sys.stderr.write(
            f"millstream: the command needs the package '{missing.name}': "
            'pip install "millstream[cli]"\n'
        )
        sys.exit(1)
    sys.exit(run(new_app(), sys.argv[1:]))


if __name__ == "__main__":
    main()
