"""A dump that exists only when proven whole."""
