"""The ERP database that dbops demonstrates itself on, healthy and broken."""
