"""The pytest plugin by its former name, for environments that were installed before it left the package."""

from _autograd_lite_pytest import *  # noqa: F403
