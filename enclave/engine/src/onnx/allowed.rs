//! The operators that every model may hold.
//!
//! Those of the models that this crate is tested with, and those that answered ONNX's own cases of them
//! right, or refused. `tests/backend.rs` goes on holding the engine to those that it has a hand in. tract has
//! more; an owner who has tested one of them on samples of his own names it in his signed manifest.

/// Number of the list: one more at each change.
pub const OPERATORS_VERSION: u32 = 2;

/// Operators of ONNX's own domain.
const ONNX: &str = "
    Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization BitwiseAnd
    BitwiseNot BitwiseOr BitwiseXor Cast CastLike Ceil Celu Clip Concat Constant ConstantOfShape Conv
    ConvInteger ConvTranspose Cos Cosh CumSum DepthToSpace DequantizeLinear Div Dropout
    DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor GRU Gather GatherElements
    GatherND Gelu Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual GridSample GroupNormalization
    HardSigmoid HardSwish Hardmax Identity If InstanceNormalization IsInf IsNaN LRN LSTM LayerNormalization
    LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization MatMul MatMulInteger Max MaxPool Mean
    MeanVarianceNormalization Min Mod Mul Neg NonMaxSuppression NonZero Not OneHot Or PRelu Pad Pow
    QLinearConv QLinearMatMul QuantizeLinear RMSNormalization RNN Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum
    ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize
    RotaryEmbedding Round STFT Scan Scatter ScatterElements ScatterND Selu Shape Shrink Sigmoid Sign Sin
    Sinh Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Swish Tan Tanh
    ThresholdedRelu Tile TopK Transpose Trilu Unsqueeze Where Xor
";

/// Operators of `ai.onnx.ml`. `ZipMap` is taken out before.
const MACHINE_LEARNING: &str = "
    ArrayFeatureExtractor Binarizer FeatureVectorizer Imputer LabelEncoder LinearClassifier LinearRegressor
    Normalizer OneHotEncoder SVMClassifier SVMRegressor Scaler TreeEnsembleClassifier TreeEnsembleRegressor
";

/// Whether the list has an operator.
pub(super) fn is_listed(domain: &str, name: &str) -> bool {
    let listed = match domain {
        "" | "ai.onnx" => ONNX,
        "ai.onnx.ml" => MACHINE_LEARNING,
        _ => return false,
    };
    listed.split_whitespace().any(|listed| listed == name)
}
