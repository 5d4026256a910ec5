"""What is kept: runs, their log, their seal, and how both are verified."""
