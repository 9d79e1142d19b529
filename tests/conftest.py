"""For all tests: a list of what the tests of the table let pass, printed at the end."""

from allowances import allowed as allowed
from allowances import summary


def pytest_terminal_summary(terminalreporter):
    summary(terminalreporter)
