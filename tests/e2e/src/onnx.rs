//! ONNX files, written field by field (onnx.proto): for models that no tool writes, or not in so few bytes.

/// ONNX's number for a tensor of f32.
pub const FLOAT: usize = 1;

/// The file of a graph, for operator set 17.
#[must_use]
pub fn model(graph: &Message) -> Vec<u8> {
    let (mut opset, mut model) = (Message::default(), Message::default());
    opset.text(1, "").number(2, 17);
    model.number(1, 8).message(7, graph).message(8, &opset);
    model.0
}

/// An input or output: one row of so many numbers.
#[must_use]
pub fn row(name: &str, width: usize) -> Message {
    let mut shape = Message::default();
    for size in [1, width] {
        let mut dimension = Message::default();
        dimension.number(1, size);
        shape.message(1, &dimension);
    }
    let (mut tensor, mut kind, mut row) = (Message::default(), Message::default(), Message::default());
    tensor.number(1, FLOAT).message(2, &shape);
    kind.message(1, &tensor);
    row.text(1, name).message(2, &kind);
    row
}

/// A protobuf message under construction.
#[derive(Default)]
pub struct Message(Vec<u8>);

impl Message {
    /// A field that holds a number.
    pub fn number(&mut self, field: usize, value: usize) -> &mut Self {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    /// A field that holds bytes.
    pub fn bytes(&mut self, field: usize, value: &[u8]) -> &mut Self {
        self.varint(field << 3 | 2);
        self.varint(value.len());
        self.0.extend_from_slice(value);
        self
    }

    /// A field that holds a text.
    pub fn text(&mut self, field: usize, value: &str) -> &mut Self {
        self.bytes(field, value.as_bytes())
    }

    /// A field that holds another message.
    pub fn message(&mut self, field: usize, value: &Self) -> &mut Self {
        self.bytes(field, &value.0)
    }

    fn varint(&mut self, mut value: usize) {
        while value >= 0x80 {
            self.0.push(0x80 | value.to_le_bytes()[0]);
            value >>= 7;
        }
        self.0.push(value.to_le_bytes()[0]);
    }
}
