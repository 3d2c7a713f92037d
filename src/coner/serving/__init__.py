"""A REST service around taggers, with batches across requests, and a web page to try them.

::

    middleware  token, body size, timeout, cancellation; in front of
    app         routes, errors, and the OpenAPI description
    schemas     request and response bodies; texts to sentences, within limits
    batcher     the queue and the thread of a model
    jobs        requests, and how a batch of their sentences is tagged
    metrics     counters for Prometheus
    run         socket, worker processes, signals
    page/       plain HTML, CSS and JavaScript
"""
