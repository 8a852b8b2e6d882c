"""Helpers of the synthetic data course: tables, synthesizers, scores and pictures, each in its own
module."""
