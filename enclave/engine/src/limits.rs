//! Every bound of the engine, with its unit.

use strongroom_proto::limits::MAX_RECORD_BYTES;
use strongroom_seal::limits::MAX_CONTENT_BYTES;

/// Bytes of an ONNX file.
pub const MAX_MODEL_BYTES: u64 = MAX_CONTENT_BYTES;

/// Nodes of a graph and its subgraphs together: the time tract takes to compile grows with their square.
pub const MAX_NODES: usize = 8192;

/// Bytes of one tensor inside a model, whether a file or an input says how large it gets.
pub const MAX_VALUE_BYTES: u64 = 1 << 30;

/// Bytes of the tensors that one run of a model holds at once, its weights aside.
pub const MAX_LIVE_BYTES: u64 = 8 << 30;

/// Bytes that a run may hold without anybody being asked whether there is as much.
pub const LITTLE_BYTES: u64 = 16 << 20;

/// Multiplications (and other steps that tract counts) of one run: some minutes of a core.
pub const MAX_MULTIPLICATIONS: u64 = 1 << 43;

/// Bytes of a tensor up to which a file may mention it, for shapes that no input is ever admitted with.
pub const MAX_COUNTED_BYTES: u64 = 1 << 60;

/// Bytes of all that is computed of constants while a model is loaded.
pub const MAX_FOLDED_BYTES: u64 = 1 << 30;

/// Largest length, padding, scale or number of things that an operator is given.
pub const MAX_EXTENT: i64 = 1 << 31;

/// Largest kernel, step or padding of a window along one axis.
pub const MAX_WINDOW: i64 = 1 << 16;

/// Cells of a window.
pub const MAX_WINDOW_CELLS: i64 = 1 << 20;

/// Graphs inside graphs (`If`, `Loop`, `Scan`).
pub const MAX_GRAPH_DEPTH: usize = 8;

/// Compiled shapes that one model keeps when tract cannot compile its symbols.
pub const MAX_PLANS_PER_MODEL: usize = 8;

/// Rows that a small model of rows is compiled for beside any number of them, the most first.
pub const PART_ROWS: [u64; 2] = [512, 64];

/// Bytes of constants up to which a model is compiled for [`PART_ROWS`]: each plan has a copy.
pub const MAX_ROWS_PLAN_BYTES: usize = 4 << 20;

/// Rows up to which a small model of rows runs layer by layer, row by row.
pub const FEW_ROWS: u64 = 4;

/// Weights of a layer up to which it runs so: tract's kernels are wider and catch up from there.
pub const MAX_LAYER_WEIGHTS: usize = 1 << 13;

/// Tokens (or what else a further symbol counts) from which on the texts of a batch go one by one.
pub const LONG_TEXT_TOKENS: u64 = 64;

/// Targets of a tree ensemble, each of which a row gets a number for.
pub const MAX_TARGETS: usize = 16_384;

/// Classes of a support vector machine, which compares every two of them for each row.
pub const MAX_SVM_CLASSES: usize = 256;

/// Cells that a one-hot encoder makes in one run: as many bytes as fit in a record.
pub const MAX_ENCODED_CELLS: usize = MAX_RECORD_BYTES / size_of::<f32>();

/// Characters of tract's explanation that an error keeps.
pub const MAX_DETAIL_CHARS: usize = 2000;

/// Bytes of a symbol's name.
pub const MAX_SYMBOL_BYTES: usize = 64;

/// Smallest value of a symbol when the owner states no range.
pub const DEFAULT_SYMBOL_MIN: u64 = 1;

/// Largest value of a symbol when the owner states no range and the model takes so many.
pub const DEFAULT_SYMBOL_MAX: u64 = 4096;

/// Symbols of a model of which every combination of smallest and largest value is tried to bound its answers.
pub const MAX_CORNER_SYMBOLS: usize = 6;

/// Values of a symbol that are tried, where its range allows, to see that a model compiles at all.
pub const PROBE_VALUES: [u64; 4] = [1, 32, 64, 224];

/// Bytes of an output's entry in an answer beside its name and elements.
pub const OUTPUT_OVERHEAD_BYTES: u64 = 64;

/// Bytes of all inputs or all outputs together that fit in a record.
pub const MAX_TENSOR_BYTES: u64 = MAX_RECORD_BYTES as u64;

/// Value of the first symbol when a plan is tried on zeros; each further symbol gets one more.
pub const TRIAL_VALUE: u64 = 2;
