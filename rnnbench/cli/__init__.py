"""The command line: options in, plain text or JSON out."""
