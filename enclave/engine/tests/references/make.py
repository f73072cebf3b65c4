#!/usr/bin/env python3
"""Makes scikit-learn, columns, ensembles, images, shortcuts and backend, each an .npz: small models with inputs and answers.

    VENV/bin/pip install -r tests/models/requirements.txt
    VENV/bin/python enclave/engine/tests/references/make.py [FOLDER [SEED]]

Every array's name is CASE/model (the bytes of the ONNX file), CASE/in/NAME or CASE/out/NAME. Texts are
kept as UTF-8, halves as their bytes. Many small arrays lie in another .npz, which is the only array,
packed. Where FOLDER is given, files go there, and with SEED other ensembles are drawn, more of them: to
look for differences, not to be kept.

scikit-learn.npz holds pipelines as a user would export them, with every option at its default, but
for the target operator sets, which are pinned. The answer to ZipMap is kept as the tensor that the
operator was given. columns.npz holds pipelines over tables, with an input for each column. ensembles.npz
holds tree ensembles drawn at random: every comparison, aggregate and transform, inputs on thresholds and
inputs that are not numbers. images.npz holds convolutions of a batch of images, some of which compute each
image alone and some across them. shortcuts.npz holds what the engine computes in a way of its own, and, as far
as that is decided by a model's form, forms that come close to it. Answers are onnxruntime's, but for backend.npz,
which holds ONNX's own tests of the operators that the engine has a hand in.
"""

import io
import re
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnx.backend.test.case.node import collect_testcases
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier, SGDClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, OneClassSVM
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "tests/models"))
from make import write_npz  # noqa: E402

HERE = Path(__file__).resolve().parent
SEED = 11
OPSETS = {"": 17, "ai.onnx.ml": 3}
ROWS = 24
# Models that onnxruntime takes as they are exported for doubles, and that need no sigmoid of doubles.
DOUBLES = {"linear", "ridge", "mlp-regressor"}


def attribute_of_ints(make):
    """The exporter gives booleans for integers, which this version of onnx no longer takes."""
    def make_attribute(key, value, *others, **named):
        if isinstance(value, list) and any(isinstance(flag, (bool, np.bool_)) for flag in value):
            value = [int(flag) for flag in value]
        return make(key, value, *others, **named)
    return make_attribute


def encoded(array):
    """Texts as UTF-8, numbers as they are."""
    return np.strings.encode(array.astype(str), "utf-8") if array.dtype.kind in "OU" else array


def add(cases, name, graph, inputs):
    """Runs a model and keeps it with its inputs and answers."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, ["CPUExecutionProvider"])
    answers = session.run(None, inputs)
    cases[f"{name}/model"] = np.frombuffer(graph.SerializeToString(deterministic=True), np.uint8)
    for key, value in inputs.items():
        cases[f"{name}/in/{key}"] = encoded(value)
    for output, answer in zip(session.get_outputs(), answers):
        if isinstance(answer, list):
            answer = np.array([[row[label] for label in row] for row in answer], np.float32)
        cases[f"{name}/out/{output.name}"] = encoded(answer)


def pipelines(rng):
    """Default pipelines over five features; with holes where the first step fills them."""
    table = rng.normal(size=(400, 5))
    total = table[:, 0] + table[:, 1] * table[:, 2] + rng.normal(size=400) * 0.2
    two, three, real = (total > 0.2).astype(int), np.digitize(total, [-0.5, 0.7]) + 3, total * 3
    text = np.array(["honest", "fraud"])[two]
    holes = np.where(rng.random(table.shape) < 0.1, np.nan, table)
    cases = {}

    def case(name, steps, target, values=table, dtype=np.float32):
        model = make_pipeline(*steps).fit(values[:300].astype(dtype), target[:300])
        for step in model.named_steps.values():
            # The exporter misreads a matrix of base values.
            if hasattr(step, "_baseline_prediction"):
                step._baseline_prediction = step._baseline_prediction.ravel()
        # onnxruntime's ZipMap takes no doubles.
        options = {"zipmap": False} if dtype == np.float64 and hasattr(model, "predict_proba") else None
        graph = to_onnx(model, values[:1].astype(dtype), target_opset=OPSETS, name=name, options=options)
        add(cases, name, graph, {"X": values[300:300 + ROWS].astype(dtype)})

    classifiers = {
        "logistic": lambda: LogisticRegression(),
        "mlp": lambda: MLPClassifier((8, 4), max_iter=80, random_state=SEED),
        "forest": lambda: RandomForestClassifier(5, max_depth=4, random_state=SEED),
        "extra-trees": lambda: ExtraTreesClassifier(5, max_depth=4, random_state=SEED),
        "boosting": lambda: GradientBoostingClassifier(n_estimators=6, random_state=SEED),
        "tree": lambda: DecisionTreeClassifier(max_depth=4, random_state=SEED),
    }
    for name, make in classifiers.items():
        for kind, target in (("two", two), ("three", three), ("text", text)):
            case(f"{name}-{kind}", [StandardScaler(), make()], target)
        if name in DOUBLES:
            case(f"{name}-double", [StandardScaler(), make()], two, dtype=np.float64)
    for name, make in (("ridge", RidgeClassifier), ("sgd", lambda: SGDClassifier(loss="log_loss", random_state=SEED))):
        # The exporter misstates the shape of what this one gives for two classes.
        if name != "ridge":
            case(f"{name}-classifier-two", [StandardScaler(), make()], two)
        case(f"{name}-classifier-three", [StandardScaler(), make()], three)
    case("ada-boost-two", [AdaBoostClassifier(n_estimators=3, random_state=SEED)], two)
    hist = {"max_iter": 6, "max_depth": 4, "random_state": SEED}
    case("hist-two", [HistGradientBoostingClassifier(**hist)], two, holes)
    case("hist-three", [HistGradientBoostingClassifier(**hist)], three, holes)
    case("hist-regressor", [HistGradientBoostingRegressor(**hist)], real, holes)
    for step in (SimpleImputer(), SimpleImputer(strategy="median"), SimpleImputer(strategy="constant", fill_value=-1.0)):
        name = f"imputer-{step.strategy}"
        case(name, [step, StandardScaler(), LogisticRegression()], two, holes)
        case(f"{name}-tree", [step, DecisionTreeClassifier(max_depth=4, random_state=SEED)], three, holes)
    for step in (MinMaxScaler(), RobustScaler(), MaxAbsScaler(), Normalizer(), Normalizer("l1"), Normalizer("max"),
                 Binarizer(threshold=0.1), StandardScaler(with_mean=False), StandardScaler(with_std=False)):
        name = re.sub("[^a-z0-9]+", "-", str(step).lower()).strip("-")
        case(name, [step, LogisticRegression()], two)
    regressors = {
        "linear": lambda: LinearRegression(),
        "ridge": lambda: Ridge(),
        "mlp-regressor": lambda: MLPRegressor(hidden_layer_sizes=(8,), max_iter=80, random_state=SEED),
        "forest-regressor": lambda: RandomForestRegressor(5, max_depth=4, random_state=SEED),
        "boosting-regressor": lambda: GradientBoostingRegressor(n_estimators=6, random_state=SEED),
        "tree-regressor": lambda: DecisionTreeRegressor(max_depth=4, random_state=SEED),
    }
    for name, make in regressors.items():
        case(name, [StandardScaler(), make()], real)
        if name in DOUBLES:
            case(f"{name}-double", [StandardScaler(), make()], real, dtype=np.float64)
    categories(cases, rng, two)
    for kernel in ("rbf", "linear", "poly", "sigmoid"):
        case(f"svc-{kernel}-three", [StandardScaler(), SVC(kernel=kernel)], three)
    for kind, target in (("two", two), ("text", text)):
        case(f"svc-{kind}", [StandardScaler(), SVC()], target)
    for kind, target in (("two", two), ("three", three)):
        case(f"svc-probable-{kind}", [StandardScaler(), SVC(probability=True, random_state=SEED)], target)
    case("svr", [StandardScaler(), SVR()], real)
    case("one-class", [StandardScaler(), OneClassSVM(nu=0.2)], two)
    return cases


def categories(cases, rng, target):
    """Pipelines over columns of texts or numbers that stand for categories, some not seen before."""
    texts = np.array(["cash", "card", "wire", "überweisung"])[rng.integers(0, 4, (400, 2))]
    numbers = rng.integers(-2, 5, (400, 2))
    encoders = {
        "one-hot": OneHotEncoder(handle_unknown="ignore"),
        "one-hot-strict": OneHotEncoder(),
        "one-hot-first-left-out": OneHotEncoder(drop="first"),
        "ordinal": OrdinalEncoder(),
        "ordinal-with-unknown": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    }
    for name, encoder in encoders.items():
        for kind, values, other in (("text", texts, "cheque"), ("number", numbers, 9)):
            model = make_pipeline(encoder, LogisticRegression()).fit(values[:300], target[:300])
            shape = (StringTensorType if kind == "text" else Int64TensorType)([None, 2])
            graph = to_onnx(model, initial_types=[("X", shape)], target_opset=OPSETS, name=f"{name}-{kind}")
            rows = values[300:300 + ROWS].astype(object if kind == "text" else np.int64)
            if encoder.handle_unknown != "error":
                rows[::5, 0] = other
            add(cases, f"{name}-{kind}", graph, {"X": rows})


def columns(rng):
    """Pipelines over a table whose columns are inputs of their own, as those of a data frame become."""
    amounts, counts = rng.normal(size=(400, 3)), rng.integers(-2, 5, (400, 2))
    kinds = np.array(["cash", "card", "wire", "überweisung"])[rng.integers(0, 4, (400, 1))]
    total = amounts[:, 0] + amounts[:, 1] * counts[:, 0] + (kinds[:, 0] == "wire") + rng.normal(size=400) * 0.2
    target, real = (total > 0.5).astype(int), total * 3
    numbers = np.hstack([amounts, counts]).astype(np.float32)
    table = np.hstack([numbers.astype(object), kinds.astype(object)])
    floats = [FloatTensorType([None, 1])] * 3
    cases = {}

    def case(name, model, types, values, target=target):
        model = model.fit(values[:300], target[:300])
        names = [(f"column_{number}", kind) for number, kind in enumerate(types)]
        graph = to_onnx(model, initial_types=names, target_opset=OPSETS, name=name)
        dtypes = {FloatTensorType: np.float32, Int64TensorType: np.int64, StringTensorType: object}
        add(cases, name, graph, {column: values[300:300 + ROWS, number:number + 1].astype(dtypes[type(kind)])
                                 for number, (column, kind) in enumerate(names)})

    for step in (StandardScaler(), Normalizer(), Binarizer(threshold=0.1), SimpleImputer()):
        name = re.sub("[^a-z0-9]+", "-", str(step).lower()).strip("-")
        case(name, make_pipeline(step, LogisticRegression()), floats, amounts.astype(np.float32))
    case("mixed", make_pipeline(StandardScaler(), GradientBoostingClassifier(n_estimators=6, random_state=SEED)),
         floats + [Int64TensorType([None, 1])] * 2, numbers)

    def transformed():
        return make_column_transformer((StandardScaler(), [0, 1, 2]), (OneHotEncoder(handle_unknown="ignore"), [3, 5]),
                                       ("passthrough", [4]))

    types = floats + [Int64TensorType([None, 1])] * 2 + [StringTensorType([None, 1])]
    for name, last, goal in (("logistic", LogisticRegression(), target), ("ridge", Ridge(), real),
                             ("forest", RandomForestClassifier(5, max_depth=4, random_state=SEED), target),
                             ("boosting", GradientBoostingRegressor(n_estimators=6, random_state=SEED), real)):
        case(f"transformed-{name}", make_pipeline(transformed(), last), types, table, goal)

    for kind in (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT32, TensorProto.INT64):
        dtype, widths = helper.tensor_dtype_to_np_dtype(kind), [3, 1, 2]
        node = helper.make_node("FeatureVectorizer", ["a", "b", "c"], ["y"], domain="ai.onnx.ml", inputdimensions=widths)
        inputs = [helper.make_tensor_value_info(name, kind, [None, width]) for name, width in zip("abc", widths)]
        output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 6])
        graph = helper.make_graph([node], "vectorizer", inputs, [output])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid(*opset) for opset in OPSETS.items()], ir_version=8)
        values = rng.normal(size=(ROWS, 6)) * 1e6
        add(cases, f"vectorizer-{dtype}", model, {"a": values[:, :3].astype(dtype), "b": values[:, 3:4].astype(dtype),
                                                  "c": values[:, 4:].astype(dtype)})
    return cases


FEATURES = 4
STEPS = np.array([-2, -1, -0.5, -0.0, 0, 0.5, 1, 2, 3, 1e-30, -1e30], np.float32)
INPUTS = np.concatenate([STEPS, np.array([np.nan, np.inf, -np.inf, 0.25, 2.5, -7, 100], np.float32)])
MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]


class Nodes:
    """The lists of a tree ensemble, and where its leaves are."""

    def __init__(self, rng, modes, missing):
        self.rng, self.modes, self.missing = rng, modes, missing
        self.lists = {key: [] for key in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids",
                                          "falsenodeids", "missing_value_tracks_true")}
        self.leaves = []

    def tree(self, tree, depth):
        ids = iter(range(1, 1 << 20))
        self.node(tree, 0, depth, ids)

    def node(self, tree, own, depth, ids):
        leaf = depth == 0 or (own > 0 and self.rng.random() < 0.2)
        children = (0, 0) if leaf else (next(ids), next(ids))
        values = {"treeids": tree, "nodeids": own, "featureids": 0 if leaf else int(self.rng.integers(FEATURES)),
                  "values": 0.0 if leaf else float(self.rng.choice(STEPS)),
                  "modes": "LEAF" if leaf else str(self.rng.choice(self.modes)),
                  "truenodeids": children[0], "falsenodeids": children[1],
                  "missing_value_tracks_true": int(self.missing and not leaf and self.rng.random() < 0.5)}
        for key, value in values.items():
            self.lists[key].append(value)
        if leaf:
            self.leaves.append((tree, own))
        else:
            for child in children:
                self.node(tree, child, depth - 1, ids)

    def attributes(self):
        return {f"nodes_{key}": value for key, value in self.lists.items()
                if self.missing or key != "missing_value_tracks_true"}


def ensemble(rng, number):
    """One ensemble; its number decides its form, so that few suffice to see all."""
    modes = MODES if number % 4 == 0 else [MODES[number % len(MODES)]]
    # onnxruntime joins chains of BRANCH_EQ, and then forgets where what is not a number goes.
    nodes = Nodes(rng, modes, missing=number % 3 == 1 and "BRANCH_EQ" not in modes)
    for tree in range(int(rng.choice([1, 3, 8, 9, 20]))):
        nodes.tree(tree, int(rng.integers(0, 7)))
    classifier = number % 2 == 0
    scores = int(rng.choice([2, 2, 3, 5])) if classifier else int(rng.choice([1, 1, 2, 3]))
    many = not classifier or scores > 2
    posts = ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"] + (["PROBIT"] if many else [])
    post = str(rng.choice(posts))
    low = 0.0 if post == "PROBIT" or rng.random() < 0.5 else -1.0
    scale = 1.0 / (1 + max(nodes.lists["treeids"])) if post == "PROBIT" or rng.random() < 0.5 else 1.0
    leaves = []
    for tree, node in nodes.leaves:
        ids = rng.permutation(scores)[:int(rng.integers(1, scores + 1))] if many else [0]
        # Now and then a leaf without a weight, or with one that makes ties.
        if number % 5 == 4 and rng.random() < 0.2 and len(leaves) > 1:
            continue
        leaves += [(tree, node, int(score), float(np.float32(rng.choice([0.5, rng.uniform(low, 1)]) * scale)))
                   for score in ids]
    prefix = "class" if classifier else "target"
    columns = list(zip(*leaves))
    values = dict(zip([f"{prefix}_{part}" for part in ("treeids", "nodeids", "ids", "weights")], map(list, columns)))
    bases = 1 if classifier and scores == 2 else scores
    if rng.random() < 0.5:
        values["base_values"] = [float(np.float32(v)) for v in rng.uniform(0, 0.3, bases)]
    if classifier:
        texts = number % 8 == 2
        labels = [f"label {i}" for i in range(scores)] if texts else [int(i * 3 - 2) for i in range(scores)]
        values["classlabels_strings" if texts else "classlabels_int64s"] = labels
        outputs = [helper.make_tensor_value_info("label", TensorProto.STRING if texts else TensorProto.INT64, ["n"])]
    else:
        values |= {"n_targets": scores, "aggregate_function": ["SUM", "AVERAGE", "MIN", "MAX"][number // 2 % 4]}
        outputs = []
    outputs.append(helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", scores]))
    kind, dtype = {0: (TensorProto.DOUBLE, np.float64), 1: (TensorProto.INT64, np.int64)}.get(
        number % 7 if classifier or number % 7 == 0 else 2, (TensorProto.FLOAT, np.float32))
    node = helper.make_node(f"TreeEnsemble{'Classifier' if classifier else 'Regressor'}", ["x"],
                            [output.name for output in outputs], domain="ai.onnx.ml", post_transform=post,
                            **nodes.attributes(), **values)
    graph = helper.make_graph([node], "ensemble", [helper.make_tensor_value_info("x", kind, ["n", FEATURES])], outputs)
    table = rng.choice(INPUTS, (ROWS, FEATURES))
    if kind == TensorProto.INT64:
        table = rng.integers(-3, 4, (ROWS, FEATURES))
    imports = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
    return helper.make_model(graph, opset_imports=imports, ir_version=8), {"x": table.astype(dtype)}


def ensembles(seed, count):
    cases = {}
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        graph, inputs = ensemble(rng, number)
        try:
            add(cases, f"{number:04}", graph, inputs)
        except onnxruntime.capi.onnxruntime_pybind11_state.RuntimeException:
            # No leaf that a row reached had a weight: onnxruntime has no answer either.
            continue
    return cases


def images(rng):
    """Convolutions of six images, followed by what computes each alone or all together."""
    def weight(name, *shape):
        return onnx.numpy_helper.from_array(rng.normal(size=shape).astype(np.float32) * 0.4, name)

    def ints(name, *values):
        return onnx.numpy_helper.from_array(np.array(values, np.int64), name)

    def node(operator, inputs, **attributes):
        return helper.make_node(operator, ["f", *inputs], ["g"], **attributes)

    flat = [helper.make_node("GlobalAveragePool", ["g"], ["p"]), helper.make_node("Flatten", ["p"], ["h"]),
            helper.make_node("Gemm", ["h", "w"], ["s"]), helper.make_node("Softmax", ["s"], ["y"], axis=1)]
    ends = {
        "pooled": node("MaxPool", [], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        "averaged": node("AveragePool", [], kernel_shape=[2, 2], strides=[2, 2]),
        "scaled": node("Resize", ["", "scales"], mode="nearest", nearest_mode="floor",
                       coordinate_transformation_mode="asymmetric"),
        "normalized": node("BatchNormalization", ["one", "two", "three", "four"]),
        "transposed": helper.make_node("ConvTranspose", ["f", "up"], ["g"], strides=[2, 2]),
        "gated": node("Mul", ["gate"]),
        "mean-of-all": node("Sub", ["mean"]),
        "softmax-of-all": node("Softmax", [], axis=0),
        "reversed": node("Slice", ["start", "end", "axis", "step"]),
        "sums-of-all": node("CumSum", ["axis0"]),
    }
    weights = [weight("k", 6, 3, 3, 3), weight("w", 6, 3), weight("up", 6, 6, 2, 2), weight("gate", 1, 6, 1, 1),
               weight("one", 6), weight("two", 6), weight("three", 6),
               onnx.numpy_helper.from_array(rng.uniform(0.5, 2, 6).astype(np.float32), "four"),
               onnx.numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales"),
               ints("start", -1), ints("end", -9), ints("axis", 0), ints("step", -1),
               onnx.numpy_helper.from_array(np.array(0, np.int64), "axis0")]
    cases = {}
    for name, end in ends.items():
        before = [helper.make_node("Conv", ["x", "k"], ["c"], pads=[1, 1, 1, 1]), helper.make_node("Relu", ["c"], ["f"]),
                  helper.make_node("ReduceMean", ["f"], ["mean"], axes=[0], keepdims=1)]
        before = before if name == "mean-of-all" else before[:2]
        nodes = [*before, end, *flat]
        used = {name for each in nodes for name in each.input}
        graph = helper.make_graph(
            nodes, name, [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 10, 12])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
            [each for each in weights if each.name in used])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        add(cases, name, model, {"x": rng.integers(-3, 4, (6, 3, 10, 12)).astype(np.float32)})
    return cases


def shortcuts(rng):
    """Graphs of a few nodes, each named for what it is about."""
    def floats(name, *shape):
        return onnx.numpy_helper.from_array(rng.normal(size=shape).astype(np.float32) * 0.4, name)

    def kept(name, values, dtype=np.float32):
        return onnx.numpy_helper.from_array(np.array(values, dtype), name)

    def node(operator, inputs, output, **attributes):
        return helper.make_node(operator, inputs.split(), [output], **attributes)

    gelu = [node("Mul", "a a", "a2"), node("Mul", "a2 a", "a3"), node("Mul", "a3 cubic", "b"), node("Add", "a b", "c"),
            node("Mul", "c root", "d"), node("Tanh", "d", "e"), node("Add", "e one", "f"), node("Mul", "f half", "g"),
            node("Mul", "a g", "y")]
    constants = [kept("cubic", 0.044715), kept("root", 0.7978846), kept("one", 1), kept("half", 0.5)]
    bottleneck = [node("Conv", "x k1", "a"), node("Relu", "a", "b"), node("Conv", "b k2", "c", pads=[1, 1, 1, 1]),
                  node("Relu", "c", "d"), node("Conv", "d k3 bias", "e"), node("Add", "e x", "f"), node("Relu", "f", "g"),
                  node("Conv", "g k1", "h", strides=[2, 2]), node("Conv", "g k4", "i", strides=[2, 2]),
                  node("Conv", "h k3 bias", "j"), node("Add", "i j", "k"), node("Relu", "k", "y")]
    kernels = [floats("k1", 4, 8, 1, 1), floats("k2", 4, 4, 3, 3), floats("k3", 8, 4, 1, 1), floats("k4", 8, 8, 1, 1),
               floats("bias", 8)]
    dense = [node("Gemm", "x w1 b1", "a"), node("Relu", "a", "b"), node("Gemm", "b w2 b2", "y")]
    layers = [floats("w1", 6, 16), floats("b1", 16), floats("w2", 16, 3), floats("b2", 3)]
    attend = [node("Gather", "table x", "a"), node("Transpose", "a", "t", perm=[0, 2, 1]), node("MatMul", "a t", "s"),
              node("Softmax", "s", "p", axis=-1), node("MatMul", "p a", "b"), node("MatMul", "b w", "c"),
              node("ReduceMean", "c", "y", axes=[1], keepdims=0)]
    one_hot = [node("Unsqueeze", "x last", "u"), node("Equal", "u ids", "e"), node("Cast", "e", "o", to=TensorProto.FLOAT),
               node("MatMul", "o table", "y")]
    convolve = [node("Transpose", "x", "t", perm=[0, 2, 1]), node("Conv", "t k5 b5", "c"),
                node("Transpose", "c", "d", perm=[0, 2, 1]), node("Relu", "d", "y")]
    image, rows, ids = (rng.normal(size=(2, 8, 9, 11)), rng.normal(size=(700, 6)), rng.integers(-2, 9, (3, 70)))
    forms = {
        "gelu": (gelu, constants, rng.normal(size=(3, 17, 41)), ["n", 17, 41]),
        "gelu-twice-used": ([*gelu[:-1], node("Mul", "a g", "h"), node("Add", "h d", "y")], constants,
                            rng.normal(size=(3, 700)), ["n", 700]),
        "bottleneck": (bottleneck, kernels, image, ["n", 8, 9, 11]),
        "pools": ([node("MaxPool", "x", "a", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 0, 1]),
                   node("MaxPool", "a", "y", kernel_shape=[2, 3], strides=[1, 3], auto_pad="SAME_UPPER")],
                  [], image, ["n", 8, 9, 11]),
        "columns": ([node("ReduceMax", "x", "a", axes=[1]), node("ReduceSumSquare", "x", "b", axes=[2]),
                     node("ReduceMean", "x", "c", axes=[1]), node("Add", "a c", "d"), node("Add", "d b", "y")],
                    [], image[0], [8, "n", 11]),
        "first-largest": ([node("ArgMax", "x", "y", axis=1)], [], np.round(image), ["n", 8, 9, 11]),
        "last-largest": ([node("ArgMax", "x", "y", axis=-1, select_last_index=1)], [], np.round(image), ["n", 8, 9, 11]),
        "reflection": ([node("Pad", "x pads", "y", mode="reflect")], [kept("pads", [0, 0, 0, 4, 0, 0, 0, 3], np.int64)],
                       image, [2, 8, 9, 11]),
        "many-rows": (dense, layers, rows, ["n", 6]),
        "rows-of-all": ([node("ReduceMean", "x", "m", axes=[0]), node("Sub", "x m", "z"),
                         node("Gemm", "z w1 b1", "a"), *dense[1:]], layers, rows, ["n", 6]),
        "rows-counted": ([node("Shape", "x", "q", start=0, end=1), node("Cast", "q", "r", to=TensorProto.FLOAT),
                          node("Div", "x r", "z"), node("Gemm", "z w1 b1", "a"), *dense[1:]], layers, rows, ["n", 6]),
        "texts": (attend, [floats("table", 9, 12), floats("w", 12, 5)], np.abs(ids), ["n", "t"]),
        "one-hot": (one_hot, [kept("last", [-1], np.int64), kept("ids", [list(range(7))], np.int32), floats("table", 7, 5)],
                    ids.astype(np.int32), ["n", 70]),
        "one-hot-with-gaps": (one_hot, [kept("last", [-1], np.int64), kept("ids", [[0, 1, 2, 4, 5, 6, 7]], np.int32),
                                        floats("table", 7, 5)], ids.astype(np.int32), ["n", 70]),
        "windows": (convolve, [floats("k5", 6, 16, 5), floats("b5", 6)], rng.normal(size=(3, 20, 16)), ["n", 20, 16]),
        "rows-of-sums": ([node("ReduceSum", "x sides", "s", keepdims=1), node("ReduceSumSquare", "x", "q", axes=[-1]),
                          node("Div", "s q", "y")], [kept("sides", [-1], np.int64)], rng.normal(size=(3, 4, 53)),
                         ["n", 4, 53]),
    }
    cases = {}
    for name, (nodes, held, value, shape) in forms.items():
        first = "a" if name.startswith("gelu") else "x"
        value = value.astype(np.float32) if value.dtype == np.float64 else value
        kind = TensorProto.INT64 if name.endswith("largest") else TensorProto.FLOAT
        graph = helper.make_graph(
            nodes, name, [helper.make_tensor_value_info(first, helper.np_dtype_to_tensor_dtype(value.dtype), shape)],
            [helper.make_tensor_value_info("y", kind, None)], held)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        model = onnx.shape_inference.infer_shapes(model)
        add(cases, name, model, {first: value})
    return cases


# The operators that the engine has a hand in, by the part of it that does.
OPERATORS = {name for part in (
    # ops: its own operators, and those of ai.onnx.ml in general
    "ArrayFeatureExtractor Binarizer FeatureVectorizer Imputer LabelEncoder LinearClassifier LinearRegressor Normalizer",
    "OneHotEncoder Scaler Slice SVMClassifier SVMRegressor TreeEnsemble TreeEnsembleClassifier TreeEnsembleRegressor ZipMap",
    # cells, faster/stream: arithmetic, and what tract writes in it
    "Add Clip Div Exp Max Mean Min Mul Neg Pow Reciprocal Sigmoid Sqrt Sub Sum Tanh",
    "Celu Elu Gelu HardSigmoid HardSwish LeakyRelu Mish PRelu Relu Selu Softplus Softsign Swish ThresholdedRelu",
    # faster/columns, faster/extremes, faster/argmax: along an axis
    "ArgMax ArgMin ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceSum ReduceSumSquare",
    "BatchNormalization GroupNormalization InstanceNormalization LayerNormalization LogSoftmax LpNormalization",
    "MeanVarianceNormalization RMSNormalization Softmax",
    # faster/one_hot, rewrite: rows of a table
    "DequantizeLinear Einsum Gather Gemm MatMul",
    # faster/pick, pool, reflect, relu, strides, windows, and alone: images and sounds
    "AveragePool Conv ConvTranspose GlobalAveragePool GlobalMaxPool MaxPool Pad Resize",
    # onnx/ignored: attributes that tract does not heed
    "GRU LSTM QuantizeLinear RNN SpaceToDepth",
) for name in part.split()}
# What it has not, and what some tests of others are written in.
LACKING = {"Loop", "NegativeLogLikelihoodLoss"}
# What it has types for.
KINDS = {"bool", "void16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"}
CASE_BYTES = 10_000
# Operators written as functions of others: of so many tests, the small ones.
EXPANDED_BYTES = 5_000


def backend():
    """ONNX's own tests of single operators, and of functions of a few."""
    cases, seen = {}, set()
    for test in collect_testcases(None):
        (inputs, outputs), = test.data_sets
        model = test.model.SerializeToString(deterministic=True)
        sides = [("in", test.model.graph.input, inputs), ("out", test.model.graph.output, outputs)]
        arrays = [stored(side, info, value) for side, infos, values in sides
                  for info, value in zip(infos, values, strict=True)]
        operators = {node.op_type for node in test.model.graph.node}
        if None in arrays or not operators & OPERATORS or operators & LACKING:
            continue
        name = test.name.removeprefix("test_")
        data = [model.replace(test.name.encode(), b""), *(value.tobytes() for _, value in arrays)]
        if sum(map(len, data)) <= (EXPANDED_BYTES if name.endswith("_expanded") else CASE_BYTES) and tuple(data) not in seen:
            seen.add(tuple(data))
            arrays.insert(0, ("model", np.frombuffer(model, np.uint8)))
            cases |= {f"{name}/{key}": value for key, value in arrays}
    return cases


def packed(cases):
    """An .npz in one array: what is small and alike compresses well only together."""
    buffer = io.BytesIO()
    write_npz(buffer, cases, zipfile.ZIP_STORED)
    return {"packed": np.frombuffer(buffer.getvalue(), np.uint8)}


def stored(side, info, value):
    """An array and its name, or nothing for what the engine has no type for."""
    if not info.type.HasField("tensor_type"):
        return None
    value = onnx.numpy_helper.to_array(value) if isinstance(value, TensorProto) else encoded(np.asarray(value))
    if value.dtype == np.float16:
        value = value.view("V2")
    return (f"{side}/{info.name}", value) if value.dtype.kind == "S" or value.dtype.name in KINDS else None


def main():
    warnings.simplefilter("ignore")
    helper.make_attribute = attribute_of_ints(helper.make_attribute)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    seed, count = (int(sys.argv[2]), 1500) if len(sys.argv) > 2 else (SEED, 56)
    if len(sys.argv) < 3:
        write_npz(folder / "scikit-learn.npz", pipelines(np.random.default_rng(SEED)))
        write_npz(folder / "columns.npz", columns(np.random.default_rng(SEED)))
        write_npz(folder / "images.npz", images(np.random.default_rng(SEED)))
        write_npz(folder / "shortcuts.npz", shortcuts(np.random.default_rng(SEED)))
        write_npz(folder / "backend.npz", packed(backend()))
    write_npz(folder / "ensembles.npz", ensembles(seed, count))
    print({path.name: path.stat().st_size for path in folder.glob("*.npz")})


if __name__ == "__main__":
    main()
