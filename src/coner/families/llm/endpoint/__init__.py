"""Calls to an endpoint that speaks the OpenAI protocol: client, ledger, limits."""
