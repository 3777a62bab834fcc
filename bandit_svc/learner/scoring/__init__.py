"""Candidates that are scored in processes of their own, beside the learner's."""
