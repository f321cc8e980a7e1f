"""A FastAPI site that guards itself: `GateMiddleware` around the app, and nothing else to run.

    WAITROOM_SERVICE_URL=http://127.0.0.1:8000 WAITROOM_EDGE_TOKEN=… WAITROOM_SECRET_KEYS=… \
        uvicorn fastapi_site:app --port 3000

Visitors with a pass cost one signature check. `/__waitroom/` is handed to the waiting room, its
WebSocket too.
"""

import os

from fastapi import FastAPI, Request

from waitroom.gate import GateMiddleware

site = FastAPI(title="A small shop")


@site.get("/healthz")
async def health() -> dict[str, str]:
    """Answer the load balancer; no room covers this path."""
    return {"status": "ok"}


@site.get("/shop")
async def shop(request: Request) -> dict[str, str | None]:
    """Sell something; only visitors with a pass get here."""
    return {"page": "the shop", "gate": request.headers.get("Waitroom-Gate")}


@site.post("/shop/orders", status_code=201)
async def order(request: Request) -> dict[str, int]:
    """Take an order."""
    return {"bytes": len(await request.body())}


# Outermost, so that nothing of the site runs for a visitor who is held.
app = GateMiddleware(
    site,
    service_url=os.environ["WAITROOM_SERVICE_URL"],
    edge_token=os.environ["WAITROOM_EDGE_TOKEN"],
    secret_keys=os.environ["WAITROOM_SECRET_KEYS"].split(","),
)
