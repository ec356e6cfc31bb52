"""What a law of files met is printed at the end of the run."""


def pytest_terminal_summary(terminalreporter):
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, counts in report.user_properties:
            if name == "met":
                terminalreporter.write_sep("-", f"{report.nodeid.partition('::')[2]}: met")
                for what, count in counts:
                    terminalreporter.write_line(f"{count:8d}  {what}")
