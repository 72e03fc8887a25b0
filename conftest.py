"""pytest reads this file only at the root; the plugin is in tests/pages."""

pytest_plugins = ["tests.pages.plugin"]
