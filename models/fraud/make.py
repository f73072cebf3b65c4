#!/usr/bin/env python3
"""Makes the bundled fraud model, its held-out test set and its reference answers.

    python3 -m venv VENV && VENV/bin/pip install -r models/fraud/requirements.txt
    VENV/bin/python models/fraud/make.py

The data is invented here: card payments drawn from a fixed seed, most of them ordinary and a few
per cent of three kinds of fraud (a stolen card being tried with small amounts, an account taken
over from a new device, a copied card used far from home). Every fraud feature is also seen, less
often, in honest payments, and some labels are wrong in both directions, as chargebacks are. So a
good model is right often and never always.

Written beside this script:
    fraud.onnx      X FP32 [batch,30] -> label INT64 [batch], probabilities FP32 [batch,2]
    train.npy       float32, the first of the payments it was trained with: what a profile is made from
    test.csv        header, then one payment a line, in natural units
    labels.csv      header, then 0 (honest) or 1 (fraud) a line
    expected.csv    header, then what onnxruntime answers: label and both probabilities
    request.json    the first rows of test.csv as the body of an Open Inference Protocol v2 request
    card.json       how it was made and how well it does on the test set
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.metrics import confusion_matrix, roc_auc_score
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

SEED = 20_250_117
TRAIN_ROWS = 40_000
PROFILE_ROWS = 6_000
TEST_ROWS = 2_000
REQUEST_ROWS = 4
FRAUD_SHARE = 0.042
HIDDEN = (96, 48)
OPSET = 17

# Share of labels that are wrong: fraud nobody reported, honest payments disputed later.
UNREPORTED = 0.06
DISPUTED = 0.002

FEATURES = [
    "amount_eur",
    "amount_over_card_mean",
    "hour_of_day",
    "is_weekend",
    "payments_last_hour",
    "payments_last_day",
    "payments_last_week",
    "amount_last_day_eur",
    "hours_since_last_payment",
    "declined_last_day",
    "merchants_last_day",
    "countries_last_week",
    "km_from_home",
    "km_from_last_payment",
    "kmh_since_last_payment",
    "card_age_days",
    "account_age_days",
    "device_age_days",
    "accounts_on_device",
    "days_since_address_change",
    "days_since_password_change",
    "merchant_age_days",
    "merchant_fraud_share",
    "category_fraud_share",
    "is_new_merchant",
    "is_online",
    "is_cross_border",
    "is_chip_read",
    "security_code_matches",
    "ip_risk_score",
]

HERE = Path(__file__).resolve().parent


def honest(rng, rows):
    """Ordinary payments, with the habits of ordinary people."""
    online = rng.random(rows) < 0.38
    travelling = rng.random(rows) < 0.06
    amount = rng.lognormal(3.2, 1.0, rows)
    last_hour = rng.poisson(0.25, rows)
    last_day = last_hour + rng.poisson(1.6, rows)
    since_last = rng.exponential(14.0, rows) + 0.05
    km_last = np.where(online, 0.0, rng.gamma(1.2, 6.0, rows)) + travelling * rng.gamma(2.0, 350.0, rows)
    columns = {
        "amount_eur": amount,
        "amount_over_card_mean": rng.lognormal(-0.15, 0.75, rows),
        "hour_of_day": np.clip(rng.normal(14.5, 4.3, rows), 0, 23.99),
        "is_weekend": rng.random(rows) < 0.29,
        "payments_last_hour": last_hour,
        "payments_last_day": last_day,
        "payments_last_week": last_day + rng.poisson(8.5, rows),
        "amount_last_day_eur": last_day * rng.lognormal(3.1, 0.7, rows),
        "hours_since_last_payment": since_last,
        "declined_last_day": rng.poisson(0.05, rows),
        "merchants_last_day": np.minimum(last_day, rng.poisson(1.5, rows)),
        "countries_last_week": 1 + (rng.random(rows) < 0.05) + travelling * rng.poisson(0.8, rows),
        "km_from_home": rng.gamma(1.1, 9.0, rows) + travelling * rng.gamma(2.0, 420.0, rows),
        "km_from_last_payment": km_last,
        "kmh_since_last_payment": np.minimum(km_last / (since_last + 0.2), 900),
        "card_age_days": rng.gamma(2.0, 330.0, rows),
        "account_age_days": rng.gamma(2.2, 700.0, rows),
        "device_age_days": rng.gamma(1.3, 260.0, rows),
        "accounts_on_device": 1 + rng.poisson(0.18, rows),
        "days_since_address_change": rng.gamma(1.5, 500.0, rows),
        "days_since_password_change": rng.gamma(1.3, 240.0, rows),
        "merchant_age_days": rng.gamma(1.8, 900.0, rows),
        "merchant_fraud_share": rng.beta(1.2, 160.0, rows),
        "category_fraud_share": rng.beta(2.0, 120.0, rows),
        "is_new_merchant": rng.random(rows) < 0.27,
        "is_online": online,
        "is_cross_border": travelling | (rng.random(rows) < 0.07),
        "is_chip_read": ~online & (rng.random(rows) < 0.93),
        "security_code_matches": rng.random(rows) < 0.985,
        "ip_risk_score": rng.beta(1.3, 9.0, rows),
    }
    return np.stack([np.asarray(columns[name], dtype=np.float64) for name in FEATURES], axis=1)


def change(table, rows, rng, share, **values):
    """Replaces features in `rows`, each in `share` of them: no fraud shows all of its signs."""
    for name, value in values.items():
        chosen = rows & (rng.random(len(table)) < share)
        table[chosen, FEATURES.index(name)] = np.asarray(value, dtype=np.float64)[chosen]


def fraud(rng, rows):
    """Honest habits overlaid with the signs of one of three kinds of fraud."""
    table = honest(rng, rows)
    kind = rng.choice(3, rows, p=[0.36, 0.34, 0.30])
    burst = 2 + rng.poisson(3.0, rows)
    change(table, kind == 0, rng, 0.68,
           amount_eur=rng.lognormal(1.2, 0.7, rows), amount_over_card_mean=rng.lognormal(-1.4, 0.5, rows),
           payments_last_hour=burst, payments_last_day=burst + rng.poisson(3.0, rows),
           merchants_last_day=burst, hours_since_last_payment=rng.exponential(0.15, rows),
           declined_last_day=rng.poisson(1.8, rows), is_online=np.ones(rows),
           is_chip_read=np.zeros(rows), security_code_matches=rng.random(rows) < 0.55)
    change(table, kind == 1, rng, 0.68,
           amount_eur=rng.lognormal(5.3, 0.9, rows), amount_over_card_mean=rng.lognormal(1.2, 0.6, rows),
           device_age_days=rng.exponential(2.0, rows), accounts_on_device=1 + rng.poisson(1.6, rows),
           days_since_password_change=rng.exponential(3.0, rows),
           days_since_address_change=rng.exponential(9.0, rows), is_online=np.ones(rows),
           is_chip_read=np.zeros(rows), is_new_merchant=np.ones(rows),
           ip_risk_score=rng.beta(4.0, 3.5, rows))
    change(table, kind == 2, rng, 0.68,
           amount_eur=rng.lognormal(4.4, 0.9, rows), km_from_home=rng.gamma(2.0, 900.0, rows),
           km_from_last_payment=rng.gamma(2.0, 900.0, rows),
           kmh_since_last_payment=np.minimum(rng.gamma(3.0, 240.0, rows), 900),
           countries_last_week=2 + rng.poisson(0.8, rows), is_cross_border=np.ones(rows),
           is_chip_read=np.zeros(rows), is_online=np.zeros(rows),
           merchant_fraud_share=rng.beta(2.0, 45.0, rows),
           category_fraud_share=rng.beta(3.0, 60.0, rows),
           hour_of_day=np.mod(rng.normal(2.0, 2.6, rows), 24))
    return table


def payments(rng, rows):
    """Payments in random order, rounded as the CSV holds them, and their labels."""
    is_fraud = rng.random(rows) < FRAUD_SHARE
    table = np.where(is_fraud[:, None], fraud(rng, rows), honest(rng, rows))
    flip = np.where(is_fraud, rng.random(rows) < UNREPORTED, rng.random(rows) < DISPUTED)
    return np.round(table, 4).astype(np.float32), (is_fraud ^ flip).astype(np.int64)


def train(table, labels):
    """A perceptron on scaled features whose scaling is then folded into its first layer.

    Folded, the graph holds only MatMul, Add and the like, and takes payments in natural units.
    """
    scaler = StandardScaler().fit(table.astype(np.float64))
    model = MLPClassifier(HIDDEN, alpha=2e-3, early_stopping=True, n_iter_no_change=12,
                          max_iter=200, random_state=SEED)
    model.fit(scaler.transform(table.astype(np.float64)), labels)
    first = model.coefs_[0] / scaler.scale_[:, None]
    model.intercepts_[0] = model.intercepts_[0] - scaler.mean_ @ first
    model.coefs_[0] = first
    return model


def export(model, path):
    """Writes the ONNX file: no ZipMap, the batch symbolic, the same bytes at every run."""
    graph = to_onnx(model, initial_types=[("X", FloatTensorType([None, len(FEATURES)]))],
                    options={"zipmap": False}, target_opset={"": OPSET, "ai.onnx.ml": 1},
                    name="fraud")
    names = {graph.graph.output[0].name: "label", graph.graph.output[1].name: "probabilities"}
    for node in graph.graph.node:
        node.output[:] = [names.get(name, name) for name in node.output]
        node.input[:] = [names.get(name, name) for name in node.input]
    for tensor in [graph.graph.input[0], *graph.graph.output]:
        tensor.name = names.get(tensor.name, tensor.name)
        tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.checker.check_model(graph, full_check=True)
    path.write_bytes(graph.SerializeToString(deterministic=True))


def write_csv(path, header, rows):
    path.write_text("\n".join([header, *rows]) + "\n")


def number(value):
    """Shortest text that reads back as the same float32."""
    return np.format_float_positional(np.float32(value), trim="-", unique=True)


def main():
    rng = np.random.Generator(np.random.PCG64(SEED))
    table, labels = payments(rng, TRAIN_ROWS)
    test, truth = payments(rng, TEST_ROWS)
    np.save(HERE / "train.npy", table[:PROFILE_ROWS])
    export(train(table, labels), HERE / "fraud.onnx")

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(HERE / "fraud.onnx", options, ["CPUExecutionProvider"])
    answer, probabilities = session.run(["label", "probabilities"], {"X": test})

    write_csv(HERE / "test.csv", ",".join(FEATURES), (",".join(map(number, row)) for row in test))
    write_csv(HERE / "labels.csv", "is_fraud", map(str, truth))
    write_csv(HERE / "expected.csv", "label,honest,fraud",
              (f"{a},{number(p[0])},{number(p[1])}" for a, p in zip(answer, probabilities)))
    rows = test[:REQUEST_ROWS]
    request = {"id": "four-payments", "inputs": [{
        "name": "X", "datatype": "FP32", "shape": list(rows.shape),
        "data": [float(number(value)) for value in rows.flatten()]}]}
    (HERE / "request.json").write_text(json.dumps(request, indent=1) + "\n")

    (tn, fp), (fn, tp) = confusion_matrix(truth, answer)
    card = {
        "made_by": "models/fraud/make.py",
        "seed": SEED,
        "training_rows": TRAIN_ROWS,
        "fraud_share_of_training": round(float(labels.mean()), 4),
        "sha256": hashlib.sha256((HERE / "fraud.onnx").read_bytes()).hexdigest(),
        "test": {
            "rows": TEST_ROWS,
            "fraud": int(truth.sum()),
            "right": int(tn + tp),
            "false_alarms": int(fp),
            "missed": int(fn),
            "accuracy": round(float((tn + tp) / TEST_ROWS), 4),
            "precision": round(float(tp / (tp + fp)), 4),
            "recall": round(float(tp / (tp + fn)), 4),
            "roc_auc": round(float(roc_auc_score(truth, probabilities[:, 1])), 4),
        },
    }
    (HERE / "card.json").write_text(json.dumps(card, indent=1) + "\n")
    print(json.dumps(card, indent=1))


if __name__ == "__main__":
    main()
