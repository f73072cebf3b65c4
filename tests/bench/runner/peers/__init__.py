"""Plain peers: onnxruntime in a process that runs when told to, and behind a bare FastAPI server. No code of ours is asked."""
