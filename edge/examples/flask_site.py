"""A Flask site that guards itself: `WSGIGateMiddleware` around the app, and nothing else to run.

    WAITROOM_SERVICE_URL=http://127.0.0.1:8000 WAITROOM_EDGE_TOKEN=… WAITROOM_SECRET_KEYS=… \
        gunicorn --workers 2 --threads 8 --bind 127.0.0.1:3000 flask_site:app

A Django site does the same in its wsgi.py: `application = WSGIGateMiddleware(application, …)`.
WebSockets cannot pass WSGI, so waiting pages poll. For live updates have the web server in front
hand `/__waitroom/` to the waiting room, as in nginx.conf beside this file.
"""

import os

from flask import Flask, request

from waitroom.gate import WSGIGateMiddleware

site = Flask(__name__)


@site.get("/healthz")
def health() -> dict[str, str]:
    """Answer the load balancer; no room covers this path."""
    return {"status": "ok"}


@site.get("/shop")
def shop() -> dict[str, str | None]:
    """Sell something; only visitors with a pass get here."""
    return {"page": "the shop", "gate": request.headers.get("Waitroom-Gate")}


@site.post("/shop/orders")
def order() -> tuple[dict[str, int], int]:
    """Take an order."""
    return {"bytes": len(request.get_data())}, 201


# Outermost, so that nothing of the site runs for a visitor who is held.
app = WSGIGateMiddleware(
    site,
    service_url=os.environ["WAITROOM_SERVICE_URL"],
    edge_token=os.environ["WAITROOM_EDGE_TOKEN"],
    secret_keys=os.environ["WAITROOM_SECRET_KEYS"].split(","),
)
# Hear of the rooms now and not with the first visitor: a worker that starts while the waiting room
# is away holds everybody. With gunicorn's --preload do this in its hook `post_worker_init`.
app.start()
