"""The request matrix of dbops, for the tests beside this file."""

pytest_plugins = ["dbops.tenancy.pytest_plugin"]
