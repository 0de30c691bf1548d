"""Tests of the evaluation: each against an answer computed another way."""
