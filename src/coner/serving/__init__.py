"""A REST service around taggers, with batches across requests, and a web page to try them.

::

    middleware  token, body size, timeout, cancellation; in front of
    app         routes, errors, and the OpenAPI description
    schemas     request and response bodies; sentences: texts to sentences, within limits
    service     the models of one process, each with its queue and its thread
    jobs        requests, and how a batch of their sentences is tagged
    metrics     counters for Prometheus
    run         socket, worker processes, signals
    page/       plain HTML, CSS and JavaScript
"""
