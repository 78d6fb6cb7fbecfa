"""The commands for the local cloud, the stacks and their leftovers."""

import argparse
import os
import shlex
import time
from pathlib import Path
from typing import Any

from lambdist_lib.cli import arguments, value_types
from lambdist_lib.cli import options as cli_options
from lambdist_lib.cli.declaration import FILES, argument, command, exclusive, flag
from lambdist_lib.cli.screen import Verbatim
from lambdist_lib.errors import LocalCloudError, UsageError
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.protocol.contract import ADHOC

WITH_API = [name for name, arm in ARMS.items() if arm.stack and arm.door == "api"]


@command(
    "cloud",
    "start, show or stop the local cloud; its mail and key",
    argument(
        "action", choices=["start", "status", "stop", "mail", "env"],
        help="mail: what AWS would have sent; env: variables for the AWS CLI, with the cloud's key",
    ),
    flag("--force", "stop even if results are uncollected"),
)  # fmt: skip
def cloud(options: argparse.Namespace) -> None:
    from lambdist_lib.cloud import cloud_status, local_cloud
    from lambdist_lib.deployment import lifecycle as deployment_lifecycle

    if options.force and options.action != "stop":
        raise UsageError("--force goes with stop: `lambdist cloud stop --force`")
    if options.action == "mail":
        _cloud_mail(options)
    elif options.action == "start":
        cloud = local_cloud.start(keep=True)
        cli_options.print_result(
            options, f"the local cloud runs at {cloud.endpoint_url}", {"endpoint_url": cloud.endpoint_url}
        )
    elif options.action == "stop":
        stopped = deployment_lifecycle.stop_local_cloud(force=options.force)
        cli_options.print_result(
            options, "the local cloud is gone" if stopped else "no local cloud runs", {"stopped": stopped}
        )
    elif options.action == "env":
        _cloud_env(options)
    elif status := local_cloud.status():
        facts = {
            "endpoint_url": status.cloud.endpoint_url,
            "kept": status.cloud.kept,
            "workers": status.workers,
            "holders": list(status.holders),
        }
        cli_options.print_result(options, cloud_status.describe(status).splitlines(), facts)
    else:
        cli_options.print_result(options, "no local cloud runs; `lambdist cloud start` starts one", None)


def _cloud_env(options: argparse.Namespace) -> None:
    from lambdist_lib.cloud import local_cloud

    cloud = local_cloud.find()
    if cloud is None:
        raise LocalCloudError("no local cloud runs: start one with `lambdist cloud start`")
    variables = cloud.environment()
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    cli_options.print_result(options, "\n".join(lines), variables)


def _cloud_mail(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from lambdist_lib.cloud import local_cloud, targets
    from lambdist_lib.deployment import local_mail

    mails = local_mail.read(targets.connect("local")) if local_cloud.find() else []
    cli_options.print_result(
        options, "\n".join(map(str, mails)) or "no mail", [asdict(mail) for mail in mails]
    )


@command(
    "init",
    "write a project to start from: your processing.py, data, notebooks",
    argument("folder", type=value_types.folder, metavar="FOLDER", complete=FILES, help="a new folder"),
)
def init(options: argparse.Namespace) -> None:
    from lambdist_lib import paths
    from lambdist_lib.deployment import starter

    written = starter.write(options.folder)
    where = paths.shown(options.folder)
    commands = [f"cd {shlex.quote(str(options.folder))}", *starter.NEXT]
    text = "\n  ".join([f"{len(written)} files in {where}/; next:", *commands])
    cli_options.print_result(
        options, text, {"folder": where, "files": [paths.shown(path) for path in written]}
    )


@command(
    "deploy",
    "create or update both stacks",
    *arguments.TARGET,
    arguments.PROCESSING,
    arguments.SET,
    argument(
        "--expires", default="", metavar="8h", help="age at which `lambdist leaks` may remove it (default 1d)"
    ),
    flag("--force", "even while messages of an unfinished run are queued"),
    *arguments.CONSENT,
)  # fmt: skip
def deploy(options: argparse.Namespace) -> None:
    from lambdist_lib.cloud import api as deployed_api
    from lambdist_lib.cloud import local_cloud
    from lambdist_lib.deployment import bundles, lifecycle, tags, templates

    processing = bundles.folder(options.processing)
    settings = {"experiment_controls": True, **dict(options.set)}
    templates.require_valid(settings)
    lifetime_s = tags.lifetime_s(options.expires) if options.expires else None
    if options.target == "local":
        local_cloud.start(keep=True)  # or what is deployed would be gone with this command
    target = cli_options.target(options)
    how: dict[str, Any] = {"processing": processing, "lifetime_s": lifetime_s}
    how |= cli_options.values(options, "budget_usd", "yes", "force")
    deployed = lifecycle.deploy(target, settings, **how)
    urls = {kind: target.api_url(stack.outputs) for kind, stack in deployed.items()}
    facts = {kind: {**stack.outputs, "api_url": urls[kind]} for kind, stack in deployed.items()}
    today = time.strftime(f"{ADHOC}%Y-%m-%d", time.gmtime())
    blocks = [
        *(Verbatim(f"{kind}\n  {url}") for kind, url in urls.items()),
        f"Send a datapoint, then get its answer with `lambdist fetch {today}`:",
        Verbatim(deployed_api.curl_lines(urls["distributed"], _key_command(options))),
    ]
    cli_options.print_result(options, blocks, {"endpoint_url": target.endpoint_url, **facts})


@command(
    "api",
    "print the deployed API's URL, and lines that call it",
    argument(
        "--arm",
        default="distributed",
        choices=WITH_API,
        metavar="ARM",
        help=f"distributed (default) or another: {', '.join(WITH_API)}",
    ),
    exclusive(
        flag("--show-key", "also print its key"),
        flag("--key-only", "print its key and nothing else, for $(...)"),
    ),
    *arguments.TARGET,
)
def api(options: argparse.Namespace) -> None:
    from lambdist_lib.cloud import api as deployed_api
    from lambdist_lib.deployment import stacks

    if options.show_key and "JPY_PARENT_PID" in os.environ:
        raise UsageError("a notebook keeps what a cell prints: run `lambdist api --show-key` in a terminal")
    target = cli_options.deployed_target(options, ARMS[options.arm].stack)
    stack = stacks.describe(target, ARMS[options.arm].stack)
    found = deployed_api.describe_api(target, stack.outputs)
    if options.key_only:
        print(found.key.reveal())
        return
    command = _key_command(options)
    key = found.key.reveal() if options.show_key else None
    calls = {
        "curl": deployed_api.curl_lines(found.url, command),
        "python": deployed_api.python_lines(found.url, command),
    }
    lines = [
        f"url  {found.url}",
        f"key  {key or '(hidden: add --show-key)'}",
        *(f"\n{call}" for call in calls.values()),
    ]
    facts = {"url": found.url, "key": key, **calls}
    cli_options.print_result(options, [Verbatim("\n".join(lines))], facts)


def _key_command(options: argparse.Namespace) -> str:
    """The command that prints the key of the API and nothing else."""
    given = {name: getattr(options, name, "") for name in ("target", "region", "profile", "arm")}
    typed = {name: value for name, value in given.items() if value not in ("", "local", "distributed")}
    words = [word for name, value in typed.items() for word in (f"--{name}", value)]
    return shlex.join(["lambdist", "api", *words, "--key-only"])


@command(
    "destroy",
    "delete both stacks",
    *arguments.TARGET,
    flag("--force", "even if results are uncollected"),
)
def destroy(options: argparse.Namespace) -> None:
    from lambdist_lib.cloud import local_cloud
    from lambdist_lib.deployment import lifecycle

    if options.target == "local" and not local_cloud.find():
        cli_options.print_result(options, "no local cloud runs, so nothing is deployed there", {"left": []})
        return
    target = cli_options.target(options)
    lifecycle.destroy(target, force=options.force)
    still = target.cloud is not None and target.cloud.kept
    cli_options.print_result(
        options,
        "the local cloud itself runs on; `lambdist cloud stop` ends it" if still else "",
        {"left": []},
    )


@command(
    "package",
    "write zips, templates and commands for a deploy by hand",
    flag("--sam", "the distributed stack as a SAM application"),
    argument(
        "--output", type=value_types.folder, default=Path("build/package"), metavar="FOLDER", complete=FILES,
        help="default build/package",
    ),
    argument("--bucket", default="", metavar="NAME", help="S3 bucket for the zips"),
    arguments.PROCESSING,
)  # fmt: skip
def package(options: argparse.Namespace) -> None:
    from lambdist_lib import paths
    from lambdist_lib.deployment import bundles, packaging

    processing = bundles.folder(options.processing)
    written = packaging.write(
        options.output, as_sam=options.sam, bucket=options.bucket, processing=processing
    )
    where = paths.shown(options.output)
    text = f"{len(written)} files in {where}/; {packaging.COMMANDS} has the next commands"
    cli_options.print_result(options, [text], {"folder": where, "files": [path.name for path in written]})


@command(
    "leaks",
    "list resources that runs have left; remove them with --delete",
    *arguments.TARGET,
    flag("--delete", "remove what is expired, broken or in no stack"),
    flag("--all", "with --delete: also live stacks"),
    flag("--force", "with --delete: even if results are uncollected"),
)
def leaks(options: argparse.Namespace) -> None:
    from lambdist_lib.cli import leaks_text
    from lambdist_lib.cloud import local_cloud
    from lambdist_lib.deployment import leaks
    from lambdist_lib.progress import Progress

    if (options.all or options.force) and not options.delete:
        raise UsageError("--all and --force go with --delete; without it everything is listed anyway")
    if options.target == "local" and not local_cloud.find():
        cli_options.print_result(options, "no local cloud runs, so nothing is left there", [])
        return
    target = cli_options.target(options)
    if options.delete:
        with Progress("leaks") as progress:
            gone = leaks.delete(target, everything=options.all, force=options.force, log=progress.show)
            progress.show(f"{len(gone)} removed")
    rows = leaks.find(target)
    blocks = leaks_text.as_blocks(rows, leaks.summary(rows, target))
    cli_options.print_result(options, blocks, [row.facts() for row in rows])
