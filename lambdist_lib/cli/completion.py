"""Complete commands, options, choices, files and run ids in bash, zsh and fish, by argcomplete."""

import argparse
from typing import Any

from lambdist_lib.cli.declaration import FILES, RUNS, argument, command, commands_of

SHELLS = {  # shell: how to load the script there
    "bash": 'eval "$(lambdist completion bash)"   in ~/.bashrc',
    "zsh": 'eval "$(lambdist completion zsh)"   in ~/.zshrc, after compinit',
    "fish": "lambdist completion fish | source   in ~/.config/fish/config.fish",
}


@command(
    "completion",
    "print the script that completes commands, options and run ids in your shell",
    argument("shell", choices=list(SHELLS), help="load it with: " + "; ".join(
        how.partition("   ")[0] for how in SHELLS.values()
    )),
)  # fmt: skip
def completion(options: argparse.Namespace) -> None:
    from argcomplete.shell_integration import shellcode

    from lambdist_lib.cli import options as cli_options

    script = shellcode(["lambdist"], shell=options.shell)
    if options.json:
        cli_options.print_result(options, "", {"shell": options.shell, "script": script})
    else:
        print(script)


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer the shell's request for completions and end the process."""
    import argcomplete
    from argcomplete import completers as known

    completers: dict[str, Any] = {FILES: known.FilesCompleter(), RUNS: _result_ids}
    for part in (parser, *commands_of(parser)):
        for action in part._actions:
            if completer := completers.get(getattr(action, "complete", "")):
                action.completer = completer  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser, default_completer=known.SuppressCompleter())


def _result_ids(**_: object) -> list[str]:
    """Return the ids of the experiments and runs in the results folder."""
    from lambdist_lib.results import folders

    return folders.known_ids()
