"""The commands that read reports: `report`, `compare`, `profile`."""

from __future__ import annotations

from pathlib import Path

import click

from spec.errors import SpecError
from spec.outputs import Output, not_over
from spec.terminal import USAGE, fail, terminal


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), metavar="REPORT.JSON")
@click.option(
    "-o",
    "--report-dir",
    type=Output(folder=True),
    metavar="DIR",
    help="Where to write.  [default: beside the file]",
)
def report(file: Path, report_dir: Path | None) -> None:
    """Write report.html, report.md and junit.xml anew from a report.json."""
    from contract_tests.report.rendering import write
    from contract_tests.report.saved import NoReport, load

    try:
        write(load(file), report_dir or file.parent)
    except NoReport as error:
        fail(error, USAGE)


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="REPORT.JSON..."
)
@click.option(
    "-o",
    "--report-dir",
    type=Output(folder=True),
    metavar="DIR",
    default="comparison",
    show_default=True,
    help="Where to write.",
)
@click.option(
    "--badge",
    "badge_file",
    type=Output(suffixes=[".svg"]),
    metavar="FILE.SVG",
    help="Draw the badge of the provider, when all reports are of one.",
)
@click.option(
    "--document",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="DOCUMENT",
    help="Hold one report and this vendor's document beside the contract, field by field, instead.",
)
def compare(files: tuple[Path, ...], report_dir: Path, badge_file: Path | None, document: Path | None) -> None:
    """Hold reports of several providers, or of one over time, side by side.

    Writes comparison.html, comparison.md and comparison.json: the providers, the worst first, by clauses, with links to
    the evidence that lies beside the reports; and what appeared and was fixed where a provider has several reports.

    With --document writes three-ways.html, three-ways.md and three-ways.json: what the contract demands, what the
    document says and what was observed (from the run.har beside the report), and who deviates from whom.
    """
    if document is not None:
        if len(files) > 1 or badge_file is not None:
            fail("--document takes one report, and no --badge", USAGE)
        _compare_three_ways(document, files[0], report_dir)
        return
    from contract_tests.report.badge import badge
    from contract_tests.report.comparison import compare as side_by_side
    from contract_tests.report.comparison import read
    from contract_tests.report.rendering import write_comparison
    from contract_tests.report.saved import NoReport
    from contract_tests.report.terminal import show_comparison

    try:
        reports = read(files)
    except NoReport as error:
        fail(error, USAGE)
    providers = sorted({report.data["provider"] for report in reports})
    if badge_file is not None and len(providers) > 1:
        fail(f"a badge is of one provider; these reports are of {len(providers)}: {', '.join(providers)}", USAGE)
    data = side_by_side(reports, report_dir)
    write_comparison(data, report_dir)
    if badge_file is not None:
        badge_file.parent.mkdir(parents=True, exist_ok=True)
        badge_file.write_bytes(badge(max(reports, key=lambda report: report.data["started"]).data))
    show_comparison(data, terminal(), report_dir)


def _compare_three_ways(document: Path, report: Path, folder: Path) -> None:
    from contract_tests.documents.document import DocumentUnreadable
    from contract_tests.documents.lint import contracts_for
    from contract_tests.documents.reading import read_document
    from contract_tests.report.comparison import Saved, link
    from contract_tests.report.rendering import write_three_ways
    from contract_tests.report.saved import NoReport, load
    from contract_tests.report.three_ways_summary import show_three_ways
    from contract_tests.three_ways.calls import calls
    from contract_tests.three_ways.view import three_ways

    try:
        read, data = read_document(document), load(report)
    except (DocumentUnreadable, NoReport) as error:
        fail(error, USAGE)
    contracts = contracts_for([read])
    view = three_ways(read, data, contracts, calls(report.parent / "run.har", contracts))
    for finding in view["findings"]:
        beside = [("report.html", f"finding-{finding['number']}")] if finding["number"] else []
        finding["link"] = link(Saved(report, data), folder, *beside)
    write_three_ways(view, folder)
    show_three_ways(view, terminal(), folder)


@click.command("profile")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="REPORT.JSON|DOCUMENT...",
)
@click.option(
    "-o",
    "--output",
    type=Output(suffixes=[".yaml", ".yml"]),
    required=True,
    metavar="FILE.YAML",
    help="Where to write.",
)
@click.option("--force", is_flag=True, help="Write over a profile that is there: it may have been edited.")
def learn(files: tuple[Path, ...], output: Path, force: bool) -> None:
    """Turn a report, or a vendor's documents, into a profile, so that the mock behaves as was seen, or as is promised.

    `imageproof serve --profile FILE.YAML` plays it. Each line says what it rests on; what cannot be played stands in
    comments. A document is anything `imageproof lint` reads; several, such as a page for each route, make one profile.
    """
    from contract_tests.documents.document import DocumentUnreadable
    from contract_tests.documents.draft import NothingKnown, draft_profile
    from contract_tests.documents.reading import read_document
    from contract_tests.report.learned import learned_profile
    from contract_tests.report.saved import NoReport, is_report, load

    try:
        reports = [file for file in files if is_report(file)]
        if reports and len(files) > 1:
            fail(f"{reports[0]} is a report, and a profile is learned of one: `imageproof profile {reports[0]}`", USAGE)
        if reports:
            text = learned_profile(load(reports[0]), output.stem)
        else:
            text = draft_profile([read_document(file) for file in files], output.stem)
        if not force:
            not_over(output, "name another with -o, or add --force")
    except DocumentUnreadable as error:
        fail(f"{error}\n    or a report.json that `imageproof check` wrote", USAGE)
    except (NoReport, NothingKnown, SpecError) as error:
        fail(error, USAGE)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text, encoding="utf-8", newline="\n")
    click.echo(f"imageproof serve --profile {output}")
