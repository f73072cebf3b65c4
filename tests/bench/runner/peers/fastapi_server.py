"""A bare FastAPI server around onnxruntime, as one writes it in an afternoon: no batching, no queue, no checks.

It answers `POST /v2/models/NAME/infer` in JSON, or with binary tensors where the request has them. BENCH_MODELS holds
`NAME=FILE` by lines. uvicorn runs it with uvloop and httptools, and without an access log.
"""

from __future__ import annotations

import json
import os

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from .ort_session import session
from .tensors import binary_outputs, json_outputs, read

HEADER_LENGTH = "inference-header-content-length"

sessions = {name: session(path, 1)
            for name, path in (line.split("=", 1) for line in os.environ["BENCH_MODELS"].splitlines())}
outputs = {name: [output.name for output in made.get_outputs()] for name, made in sessions.items()}
app = FastAPI()


@app.get("/v2/health/ready")
async def ready() -> dict:
    return {"ready": True}


@app.post("/v2/models/{model}/infer")
async def infer(model: str, request: Request) -> Response:
    body = await request.body()
    length = request.headers.get(HEADER_LENGTH)
    inputs = read(body, int(length) if length else None)
    arrays = sessions[model].run(None, inputs)
    head = {"model_name": model, "model_version": "1"}
    if length is None:
        return JSONResponse({**head, "outputs": json_outputs(outputs[model], arrays)})
    tensors, tail = binary_outputs(outputs[model], arrays)
    text = json.dumps({**head, "outputs": tensors}).encode()
    return Response(text + tail, media_type="application/octet-stream", headers={HEADER_LENGTH: str(len(text))})
