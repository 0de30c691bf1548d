"""Tests of the evaluation: each against an answer worked out another way."""
