//! Puts right the tree ensembles of two classes, whose labels tract computes wrongly.
//!
//! With two classes and one score a row, tract takes the label from the scores *before* it builds
//! the second class's, which inverts it; and it refuses a single `base_values`. So such a node is
//! left to compute the bare sum of its leaves, and what follows from the sum is written out in
//! plain operators, as onnxruntime computes it:
//!
//! | post_transform | probability of class 1 | label 1 when |
//! |---|---|---|
//! | LOGISTIC, some weight negative | sigmoid(sum + base) | sum + base > 0 |
//! | NONE, no weight negative | sum + base | sum + base > 0.5 |
//!
//! Every other form of two classes means different things to different engines, and is refused.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};

use crate::error::LoadError;

const OPERATOR: &str = "TreeEnsembleClassifier";

/// Attributes whose work the operators after the node take over.
const REPLACED: [&str; 4] = ["base_values", "post_transform", "classlabels_int64s", "classlabels_strings"];

/// Rewrites the two-class tree ensembles of the main graph.
pub(super) fn put_right(model: &mut ModelProto) -> Result<(), LoadError> {
    let Some(graph) = &mut model.graph else { return Ok(()) };
    let nodes = std::mem::take(&mut graph.node);
    for (position, node) in nodes.into_iter().enumerate() {
        if node.attribute.iter().any(|attribute| attribute.g.as_ref().is_some_and(has_trees)) {
            return Err(wrong("it stands in a subgraph"));
        }
        match Binary::read(&node)? {
            Some(binary) => binary.write(node, &format!("strongroom.trees.{position}"), graph)?,
            None => graph.node.push(node),
        }
    }
    Ok(())
}

fn has_trees(graph: &GraphProto) -> bool {
    let inside = |node: &NodeProto| node.attribute.iter().any(|a| a.g.as_ref().is_some_and(has_trees));
    graph.node.iter().any(|node| node.op_type == OPERATOR || inside(node))
}

fn wrong(when: &'static str) -> LoadError {
    LoadError::KnownWrong { operator: OPERATOR, when }
}

/// What decides the answer of a two-class ensemble beside its leaves.
struct Binary {
    logistic: bool,
    base: f32,
    labels: TensorProto,
}

impl Binary {
    /// `None` when the node is no tree ensemble or has more than two classes.
    fn read(node: &NodeProto) -> Result<Option<Self>, LoadError> {
        if node.op_type != OPERATOR {
            return Ok(None);
        }
        let labels = labels(node);
        if labels.dims.first().is_some_and(|classes| *classes > 2) {
            let text = !labels.string_data.is_empty();
            return if text {
                Err(LoadError::Feature("more than two classes with text labels"))
            } else {
                Ok(None)
            };
        }
        if labels.dims != [2] || node.output.len() != 2 {
            return Err(wrong("it has fewer than two classes or outputs"));
        }
        let find = |name: &str| attribute(node, name);
        if find("class_ids").is_none_or(|ids| ids.ints.is_empty() || ids.ints.iter().any(|id| *id != 0)) {
            return Err(wrong("it has two classes and scores other than one for each row"));
        }
        let negative = find("class_weights").is_some_and(|weights| weights.floats.iter().any(|w| *w < 0.0));
        let logistic = match find("post_transform").map_or(b"NONE".as_slice(), |post| post.s.as_slice()) {
            b"LOGISTIC" if negative => true,
            b"NONE" if !negative => false,
            _ => return Err(wrong("it has two classes and a post_transform that does not fit its weights")),
        };
        match find("base_values").map_or([].as_slice(), |base| base.floats.as_slice()) {
            [] => Ok(Some(Self { logistic, base: 0.0, labels })),
            [base] => Ok(Some(Self { logistic, base: *base, labels })),
            _ => Err(wrong("it has two classes and more than one base value")),
        }
    }

    /// Writes the node, reduced to its sum, and the operators after it.
    fn write(self, mut node: NodeProto, prefix: &str, graph: &mut GraphProto) -> Result<(), LoadError> {
        let name = |part: &str| format!("{prefix}.{part}");
        let outputs = [name("tract_label"), name("scores")];
        let [label, probabilities]: [String; 2] = std::mem::replace(&mut node.output, outputs.to_vec())
            .try_into()
            .map_err(|_| LoadError::Format)?;
        node.attribute.retain(|attribute| !REPLACED.contains(&attribute.name.as_str()));
        // tract has no table of text labels; its own labels are not used in any case.
        let ints = vec![0, 1];
        node.attribute.push(AttributeProto { ints, ..named("classlabels_int64s", AttributeType::Ints) });
        graph.node.push(node);

        let threshold = if self.logistic { 0.0 } else { 0.5 };
        graph.initializer.extend([
            longs(name("one_index"), &[1]),
            longs(name("flat"), &[-1]),
            float(name("base"), self.base),
            float(name("one"), 1.0),
            float(name("threshold"), threshold),
            TensorProto { name: name("labels"), ..self.labels },
        ]);
        let mut step =
            |operator: &str, inputs: &[&str], output: String, attribute: Option<AttributeProto>| {
                let input = inputs.iter().map(|input| name(input)).collect();
                let attribute = attribute.into_iter().collect();
                let op_type = operator.to_owned();
                let name = format!("{output}.{operator}");
                graph.node.push(NodeProto {
                    input,
                    output: vec![output],
                    name,
                    op_type,
                    attribute,
                    ..NodeProto::default()
                });
            };
        step("Gather", &["scores", "one_index"], name("leaves"), Some(int("axis", 1)));
        step("Add", &["leaves", "base"], name("sum"), None);
        step(if self.logistic { "Sigmoid" } else { "Identity" }, &["sum"], name("second"), None);
        step("Sub", &["one", "second"], name("first"), None);
        step("Concat", &["first", "second"], probabilities, Some(int("axis", 1)));
        step("Greater", &["sum", "threshold"], name("above"), None);
        step("Cast", &["above"], name("index"), Some(int("to", DataType::Int64 as i64)));
        step("Reshape", &["index", "flat"], name("row_index"), None);
        step("Gather", &["labels", "row_index"], label, Some(int("axis", 0)));
        Ok(())
    }
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

/// The labels as a tensor without a name.
fn labels(node: &NodeProto) -> TensorProto {
    let numbers = attribute(node, "classlabels_int64s").map(|labels| labels.ints.as_slice());
    match numbers.filter(|numbers| !numbers.is_empty()) {
        Some(numbers) => longs(String::new(), numbers),
        None => {
            let strings = attribute(node, "classlabels_strings").map(|labels| labels.strings.clone());
            let string_data = strings.unwrap_or_default();
            let dims = vec![i64::try_from(string_data.len()).unwrap_or(i64::MAX)];
            TensorProto { dims, data_type: DataType::String as i32, string_data, ..TensorProto::default() }
        }
    }
}

fn longs(name: String, values: &[i64]) -> TensorProto {
    let dims = vec![i64::try_from(values.len()).unwrap_or(i64::MAX)];
    let int64_data = values.to_vec();
    TensorProto { name, dims, data_type: DataType::Int64 as i32, int64_data, ..TensorProto::default() }
}

fn float(name: String, value: f32) -> TensorProto {
    let (dims, float_data) = (vec![1, 1], vec![value]);
    TensorProto { name, dims, data_type: DataType::Float as i32, float_data, ..TensorProto::default() }
}

fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { i, ..named(name, AttributeType::Int) }
}

fn named(name: &str, r#type: AttributeType) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: r#type as i32, ..AttributeProto::default() }
}
