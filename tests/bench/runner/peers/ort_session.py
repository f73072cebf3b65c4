"""One way to make a session of onnxruntime, for every peer."""

from __future__ import annotations

import onnxruntime


def session(model: str, threads: int) -> onnxruntime.InferenceSession:
    """A session that uses so many threads for one inference, on the CPU, with every optimisation that is on by default."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that spin while they wait would be billed to no request.
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if threads > 1 else "0")
    return onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
