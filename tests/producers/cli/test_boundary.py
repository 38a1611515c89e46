"""A mistake is one line on stderr and a status; never a traceback."""

from importlib.metadata import EntryPoint

import pytest
import typer

from producers.cli.app import new_app
from producers.cli.boundary import run
from producers.cli.groups import GROUP, load_group
from tests.producers.cli.conftest import Command
from tests.support.processes import Processes

WORD = "s3cr3t"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["quues"], "No such command 'quues'. Did you mean 'queues'? (see millstream --help)"),
        (["queues", "--watch", "often"], "'--watch'"),
        (["queues", "--watch", "1", "--json"], "leave out --watch"),
        (["jobs"], "Missing command. (see millstream jobs --help)"),
        (["jobs", "show"], "Missing argument 'ID'. (see millstream jobs show --help)"),
        (["dead", "replay"], "or say --all"),
        (["dead", "purge", "some", "--all"], "or say --all"),
        (["dead", "list", "--limit", "0"], "'--limit'"),
    ],
)
async def test_wrong_arguments_are_one_line_and_status_2(
    command: Command, arguments: list[str], said: str
) -> None:
    result = await command(*arguments)

    assert result.status == 2
    assert result.out == ""
    assert said in result.err
    assert result.err.startswith("millstream: ")
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"redis://me:{WORD}@127.0.0.1:1/0", "no Redis at redis://me:***@127.0.0.1:1/0"),
        (f"redis://me:{WORD}@127.0.0.1:port/0", "127.0.0.1:port/0"),
        (f"http://me:{WORD}@127.0.0.1", "starts with redis://"),
        (f"me:{WORD}@127.0.0.1", "starts with redis://"),
    ],
)
async def test_a_redis_that_is_not_there_is_named_without_its_password(
    command: Command, url: str, shown: str
) -> None:
    result = await command("queues", "--redis-url", url)

    assert result.status == 1
    assert shown in result.err
    assert WORD not in result.err
    assert result.err.count("\n") == 1


async def test_without_a_command_it_says_what_it_can_do(command: Command) -> None:
    result = await command()

    assert result.status == 0
    assert {"queues", "jobs", "dead"} <= set(result.out.split())


def test_the_program_itself_ends_with_the_status(processes: Processes) -> None:
    """The whole way of the console script, in a process of its own."""
    url = f"redis://:{WORD}@127.0.0.1:1"
    program = processes.start(
        "python", "-m", "producers.cli.main", "queues", environment={"REDIS_URL": url}
    )

    assert program.wait() == 1
    assert program.output().startswith("millstream: no Redis at redis://:***@127.0.0.1:1")
    assert program.output().count("\n") == 1


def test_a_group_is_loaded_from_its_entry_point() -> None:
    found = EntryPoint("dead", "producers.cli.dead:app", GROUP)

    assert isinstance(load_group(found), typer.Typer)


def test_a_group_without_its_packages_says_how_to_get_them(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever stands behind its name on the command line, `--help` included."""
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "heavy_plugin.py").write_text("import a_package_that_nobody_has.part\n")
    monkeypatch.syspath_prepend(folder)
    group = load_group(EntryPoint("heavy", "heavy_plugin:app", GROUP))

    for arguments in ([], ["--help"], ["do", "it", "--now"]):
        assert run(group, arguments) == 1
        assert capsys.readouterr().err == (
            "millstream: the command 'heavy' needs the package 'a_package_that_nobody_has': "
            'pip install "millstream[heavy]"\n'
        )


def test_the_list_of_commands_names_the_extra_of_a_missing_group(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As a distribution that is installed beside this one declares it."""
    folder = tmp_path_factory.mktemp("site")
    declared = folder / "beside-1.0.dist-info"
    declared.mkdir()
    (declared / "METADATA").write_text("Metadata-Version: 2.1\nName: beside\nVersion: 1.0\n")
    (declared / "entry_points.txt").write_text(f"[{GROUP}]\nheavy = a_package_nobody_has:app\n")
    monkeypatch.syspath_prepend(folder)

    assert run(new_app(), ["--help"]) == 0
    assert 'pip install "beside[heavy]"' in capsys.readouterr().out


def test_a_missing_module_of_our_own_is_a_defect_and_keeps_its_traceback() -> None:
    with pytest.raises(ModuleNotFoundError):
        load_group(EntryPoint("broken", "producers.cli.there_is_no_such_file:app", GROUP))


def test_an_entry_point_that_is_no_group_is_refused() -> None:
    assert run(_with_group("producers.cli.text:age"), []) == 1


def _with_group(value: str) -> typer.Typer:
    app = typer.Typer()

    @app.command()
    def load() -> None:
        load_group(EntryPoint("odd", value, GROUP))

    return app
