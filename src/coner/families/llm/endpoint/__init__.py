"""Asking an endpoint that speaks the OpenAI protocol."""
