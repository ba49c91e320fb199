"""Weighbridge's trainer. It runs alone in a sandbox: frames in on stdin, frames out on stdout, nothing else."""

__version__ = "0.1.0"
