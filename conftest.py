"""pytest reads this file only at the root; the plugin is in tests/pages."""

from hypothesis import settings

# The same examples on every run: a pull request is not red for a case that nobody changed.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")

pytest_plugins = ["tests.pages.plugin"]
