"""Helpers of the synthetic data course: tables, synthesizers, scores and pictures. Import what you need from its modules."""
