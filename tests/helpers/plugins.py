"""Run a separate pytest with only the named plugins, whatever else is installed."""

import os
import subprocess
import sys

OURS = "_autograd_lite_pytest"


def pytest_run(*options, plugins=("_hypothesis_pytestplugin", OURS)):
    """Run pytest with these options, and return what it prints."""
    named = [word for plugin in (*plugins, "no:cacheprovider") for word in ("-p", plugin)]
    command = [sys.executable, "-m", "pytest", *named, *options]
    env = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    return done.stdout + done.stderr
