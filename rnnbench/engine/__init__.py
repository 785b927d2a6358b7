"""The mathematics: the only package that imports torch. It yields events and never prints."""
