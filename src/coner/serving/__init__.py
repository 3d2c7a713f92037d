"""A REST service around taggers, with batches across requests, and a web page to try them.

::

    middleware  host, token, body size, timeout, cancellation; in front of
    app         routes, errors, and the OpenAPI description
    schemas     request and response bodies; texts to sentences, within limits
    batcher     the queue and the thread of a model
    jobs        requests, and how a batch of their sentences is tagged
    metrics     counters for Prometheus
    hosts       which hosts a request may name
    loop        errors of the event loop in the log
    shutdown    a stop that loses no request, and the worker processes
    run         socket, processes, signals
    page/       plain HTML, CSS and JavaScript
"""
