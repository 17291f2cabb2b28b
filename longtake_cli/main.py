"""The console script `longtake`: arguments, exit codes and words for people. What is slow is imported when needed."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from deployments.local.streams import STREAMS, speak_utf8
from flows._interrupts import GO_ON, Ended, asked_by, ending_command, leave_with
from longtake import __version__
from longtake.domain.text import visible
from longtake_cli.arguments import CommandParser, fill_dates
from longtake_cli.check import add_check_command, check_accounts
from longtake_cli.columns import add_columns_command
from longtake_cli.completion import COMPLETION, PrintCompletion
from longtake_cli.films.timeline import add_timeline_command, export_timelines
from longtake_cli.films.verify import add_verify_command, verify_files
from longtake_cli.init import add_init_command
from longtake_cli.prices import add_prices_command, set_prices_of
from longtake_cli.review import add_review_commands, decide, show_reviews

OK, NOT_DONE, REFUSED, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code that the contract names."""
    if arguments is not None:
        return _run(arguments)
    speak_utf8()
    STREAMS.open()
    code = _run(None)
    leave_with(code)
    return code


def _run(arguments: Sequence[str] | None) -> int:
    words = sys.argv[1:] if arguments is None else list(arguments)
    chosen = _parser(words[0] if words else "").parse_args(words)
    fill_dates(chosen)
    command: Callable[[argparse.Namespace], int] = chosen.command
    try:
        with ending_command():
            _check_environment()
            code = command(chosen)
    except Ended as ended:
        _say(f"\n{ended.words}")
        return ended.exit_code
    except KeyboardInterrupt:
        _say(f"\nInterrupted. {GO_ON}")
        return INTERRUPTED
    except Exception as error:
        from longtake.domain.errors import LongtakeError  # noqa: PLC0415

        if not isinstance(error, LongtakeError):
            raise
        _say(f"longtake: {error}")
        return REFUSED
    if (fault := STREAMS.fault()) is not None:
        _say(f"longtake: standard output could not be written: {fault}")
        return code if command in _WORK else code or NOT_DONE
    return code


def _check_environment() -> None:
    from longtake.settings import settings  # noqa: PLC0415

    settings()


def _say(words: str) -> None:
    print(visible(words, len(words)), file=sys.stderr)  # noqa: T201 - the command line speaks to people


def _show(words: str) -> None:
    print(visible(words, len(words)))  # noqa: T201 - the command line speaks to people


def _parser(asked: str = "render") -> argparse.ArgumentParser:
    parser = CommandParser(
        prog="longtake", description="From a prompt manifest to finished Seedance 2.0 reels, paying once per shot."
    )
    parser.add_argument("--version", action="version", version=f"longtake {__version__}")
    parser.add_argument(
        COMPLETION, action=PrintCompletion, metavar="SHELL", help="print the completion for bash, zsh or another shell"
    )
    parser.set_defaults(command=lambda chosen: _help(parser))  # pyright: ignore[reportUnknownLambdaType]
    commands = parser.add_subparsers(metavar="COMMAND")

    plan = commands.add_parser("plan", help="check every row and tell what a run would buy; spends nothing")
    plan.add_argument(
        "manifest", help="CSV, JSON Lines, Excel or Parquet file, folder or glob of Parquet; local or s3://"
    )
    plan.add_argument("--output", help="directory or s3://; its ledger tells which rows are done")
    plan.add_argument("--json", metavar="FILE", help="write the plan as JSON")
    plan.add_argument("--parquet", metavar="FILE", help="write the plan's rows as Parquet")
    plan.set_defaults(command=_plan)

    render = commands.add_parser("render", help="render a manifest; again: finish what is missing")
    render.set_defaults(command=_render)
    if asked in ("plan", "render") or asked.startswith(COMPLETION):
        # Read off the model of a render, which other commands need not wait for.
        from longtake_cli.options import add_plan_options, add_render_options  # noqa: PLC0415

        add_plan_options(plan)
        add_render_options(render)

    reconcile = commands.add_parser("reconcile", help="bring home what is paid; settle unknown outcomes; buys nothing")
    reconcile.add_argument("--output", required=True, help="directory or s3://")
    reconcile.add_argument(
        "--adopt",
        action="append",
        default=[],
        metavar="SHOT_ID=JOB_ID",
        help="an unknown outcome's job was found at the vendor; again with another id where the first brought no clip",
    )
    reconcile.add_argument(
        "--resubmit",
        action="append",
        default=[],
        metavar="SHOT_ID",
        help="an unknown outcome was not accepted: the next run buys it again; may pay twice",
    )
    reconcile.add_argument(
        "--give-up",
        action="append",
        default=[],
        metavar="SHOT_ID",
        help="close an unknown outcome without a clip",
    )
    reconcile.add_argument(
        "--unseen",
        action="store_true",
        help="adopt though the vendor cannot be asked about the job, or tells of another model, prompt, length or time",
    )
    reconcile.set_defaults(command=_reconcile)

    report = commands.add_parser("report", help="write the report anew, or one page over several outputs")
    report.add_argument("outputs", nargs="+", metavar="OUT", help="directory or s3://; several: directories")
    report.set_defaults(command=_report)

    status = commands.add_parser("status", help="how an output stands, and what to do; asks no server and no vendor")
    status.add_argument("output", help="directory or s3://, or a folder above outputs")
    status.set_defaults(command=_status)

    slots = commands.add_parser("slots", help="jobs in flight and limits of each account; frees slots nobody needs")
    slots.add_argument(
        "--free",
        action="append",
        default=[],
        metavar="ACCOUNT",
        help="free the slots that dead runs left to their jobs at evolink or evolink/NAME; live runs keep theirs",
    )
    slots.set_defaults(command=_slots)

    add_review_commands(commands, _review, _decide)
    add_timeline_command(commands, _timeline)
    add_prices_command(commands, _prices)
    add_check_command(commands, _check)
    add_verify_command(commands, _verify)

    vendors = commands.add_parser("vendors", help="models, limits, prices, and what each vendor can do")
    vendors.add_argument("name", nargs="?", help="one vendor alone")
    vendors.set_defaults(command=_vendors)

    add_columns_command(commands)
    add_init_command(commands)

    sandbox = commands.add_parser(
        "sandbox",
        help="all vendors on loopback; costs nothing",
        epilog="While it runs, GET /_sandbox tells its routes, what can be set about it "
        "(length of jobs, limits, links), and which faults each call can suffer, with an example.",
    )
    sandbox.add_argument("--port", type=int, default=0, help="port to listen on; 0, the default, takes a free one")
    sandbox.set_defaults(command=_sandbox)
    return parser


def _help(parser: argparse.ArgumentParser) -> int:
    _show(parser.format_help().rstrip())
    return OK


@contextlib.contextmanager
def _server() -> Any:
    """The Prefect server that runs are recorded on, started beside us where none is configured."""
    # The run's own display speaks to people; Prefect's log goes to its server.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_INTERNAL_LOGGING_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", "longtake")
    from deployments.local.server.join import join_server  # noqa: PLC0415

    handle = join_server()
    try:
        handle.wait_until_ready()
        yield handle
    finally:
        handle.close()


def _plan(chosen: argparse.Namespace) -> int:
    from deployments.local.server.join import require_configured  # noqa: PLC0415

    require_configured()
    from longtake_cli.plan import plan  # noqa: PLC0415

    return plan(chosen)


def _render(chosen: argparse.Namespace) -> int:
    from longtake_cli.options import render_parameters  # noqa: PLC0415

    parameters = render_parameters(chosen)
    with _server(), STREAMS.aside():
        from longtake_cli.render import render  # noqa: PLC0415

        end = render(parameters, json_lines=chosen.json)
    _say(end.line)
    if not chosen.json:
        for reel in end.reels:
            _show(f"{chosen.output.rstrip('/')}/{reel.key}")
    return end.exit_code


def _reconcile(chosen: argparse.Namespace) -> int:
    from longtake.domain.errors import ConfigurationError  # noqa: PLC0415
    from longtake.domain.job_ids import adoptions  # noqa: PLC0415

    try:
        adopt = adoptions(chosen.adopt)
    except ConfigurationError as error:
        _say(f"longtake reconcile: {error}")
        return REFUSED
    with _server():
        from flows.reconcile_jobs import TELL, reconcile_jobs  # noqa: PLC0415

        TELL.set(_say)
        settle: Any = reconcile_jobs
        decisions = (adopt, chosen.resubmit, chosen.give_up, chosen.unseen)
        state: Any = asyncio.run(settle(chosen.output, *decisions, return_state=True))
    if (number := asked_by()) is not None:
        raise Ended(number)
    _say(str(state.message))
    return OK if state.is_completed() else NOT_DONE


def _report(chosen: argparse.Namespace) -> int:
    from longtake.reports.run.rewrite import rewrite_report  # noqa: PLC0415
    from longtake.reports.run.together import report_together  # noqa: PLC0415

    outputs: list[str] = chosen.outputs
    _show(rewrite_report(outputs[0]) if len(outputs) == 1 else report_together(outputs))
    return OK


def _status(chosen: argparse.Namespace) -> int:
    from longtake_cli.status import show_status  # noqa: PLC0415

    return show_status(chosen.output, _show)


def _review(chosen: argparse.Namespace) -> int:
    return show_reviews(chosen.output, _show)


def _decide(chosen: argparse.Namespace) -> int:
    return decide(chosen, _show)


def _timeline(chosen: argparse.Namespace) -> int:
    return export_timelines(chosen, _show)


def _slots(chosen: argparse.Namespace) -> int:
    with _server():
        from longtake_cli.slots import show_slots  # noqa: PLC0415

        lines = show_slots(chosen.free)
    _show("\n".join(lines))
    return OK


def _prices(chosen: argparse.Namespace) -> int:
    with _server():
        _show(set_prices_of(chosen))
    return OK


def _check(chosen: argparse.Namespace) -> int:
    with _server():
        return OK if check_accounts(chosen.vendor, _show) else NOT_DONE


def _verify(chosen: argparse.Namespace) -> int:
    return verify_files(chosen, _show)


def _vendors(chosen: argparse.Namespace) -> int:
    from longtake.costs.price_file import rules_in_file  # noqa: PLC0415
    from longtake.reports.vendor_tables import describe  # noqa: PLC0415

    _show(describe(chosen.name, prices=rules_in_file()))
    return OK


def _sandbox(chosen: argparse.Namespace) -> int:
    from flows._server_reach import port_taken  # noqa: PLC0415
    from longtake.domain.errors import ConfigurationError  # noqa: PLC0415
    from longtake.sandbox.app import serve  # noqa: PLC0415
    from longtake.sandbox.settings import SandboxSettings  # noqa: PLC0415

    if not 0 <= chosen.port <= 65535:
        raise ConfigurationError(f"--port {chosen.port}: give a port, 0 to 65535; 0 takes a free one")
    try:
        serve(SandboxSettings(port=chosen.port), _show)
    except OSError as error:
        raise port_taken(chosen.port, "--port", error) from None
    return OK


_WORK = (_render, _reconcile, _decide, _timeline)
"""Commands that are done when their work is; of the others the words are the work."""

if __name__ == "__main__":
    sys.exit(main())
