"""The fraud classifier, asked from Python. Cells as in a notebook: any editor that knows `# %%` runs them one by one.

    strongroom-sim up --state ./state --listen 127.0.0.1:8080 &
    python client/python/examples/fraud.py http://127.0.0.1:8080 ./state models/fraud
"""

# %% Where things are
import asyncio
import sys
import tempfile
from pathlib import Path

import numpy as np
import strongroom

url, state, data = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
trust, api_key = state / "trust.toml", state / "api-key"

# %% Who is behind that URL? Nothing but a nonce is sent before this is known.
client = strongroom.connect(url, trust=trust, api_key=api_key)
report = client.session()
print(report)
print("release", report.enclave["release"], "epoch", report.enclave["epoch"])
if report.enclave["simulation"]:
    print("This is a SIMULATION: it proves nothing about hardware.")

# %% What may be asked?
for model in client.models():
    print(model.name, model.versions, model.inputs, model.outputs)

# %% 2000 payments that the model has not seen
rows = np.loadtxt(data / "test.csv", delimiter=",", skiprows=1, dtype=np.float32)
labels = np.loadtxt(data / "labels.csv", delimiter=",", skiprows=1, dtype=np.int64)
answer = client.infer("fraud", {"X": rows})
print(f"{np.mean(answer['label'] == labels):.1%} of {len(rows)} labels are right")

# %% What the enclave signed with the answer, for whoever asks later
with tempfile.TemporaryDirectory() as folder:
    receipt, evidence = answer.receipt.save(folder)
    print(answer.receipt.time, receipt.name, evidence.name)

# %% The model as a black box, for tools that look for weak spots. Here: how far a payment is from another label.
predict = strongroom.as_predict_fn(client.model("fraud"))
random = np.random.default_rng(7)
row = rows[:1]
label = predict(row).argmax()
for scale in (0.1, 1, 10):
    noisy = row + random.normal(scale=scale, size=(64, rows.shape[1]))
    print(f"noise of {scale}: {np.mean(predict(noisy).argmax(axis=1) != label):.0%} other labels")


# %% Many at once
async def many() -> None:
    async with await strongroom.connect_async(url, trust=trust, api_key=api_key) as many_at_once:
        parts = np.array_split(rows, 40)
        answers = await asyncio.gather(*(many_at_once.infer("fraud", {"X": part}) for part in parts))
        together = np.concatenate([part["label"] for part in answers])
        print("40 requests at once agree with one:", bool((together == answer["label"]).all()))


asyncio.run(many())

# %% What goes wrong says whose fault it is
try:
    client.infer("fraud", {"X": rows.astype(np.float64)})
except strongroom.RefusedError as refused:
    print(refused.status, refused)
client.close()
