//! Looks at a message before it is decoded: two bytes of one can become hundreds in memory, and ten as long as they please.
//!
//! Every field is counted, as the JSON of REST is, and elements of typed lists by what they take. Field numbers are those of
//! `open_inference.proto`; messages other than `ModelInferRequest` have no field that is looked into.

use bytes::Buf;
use prost::Message;
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder};
use tonic_prost::ProstCodec;

use crate::failure::{Failure, Fault};
use crate::limits::{MAX_LIST_BYTES, MAX_MESSAGE_FIELDS};

/// Prost's codec, behind the look.
pub(super) struct BoundedCodec<T, U>(ProstCodec<T, U>);

/// Its decoder.
pub(super) struct BoundedDecoder<D>(D);

/// What a message holds so far.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    fields: usize,
    list_bytes: usize,
}

/// Which message the fields are those of.
#[derive(Clone, Copy)]
enum Of {
    Request,
    Input,
    Contents,
    Other,
}

/// The value of a field, as far as it matters.
enum Value<'a> {
    Bytes(&'a [u8]),
    Number,
}

impl<T, U> Default for BoundedCodec<T, U> {
    fn default() -> Self {
        Self(ProstCodec::default())
    }
}

impl<T, U> Codec for BoundedCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = <ProstCodec<T, U> as Codec>::Encoder;
    type Decoder = BoundedDecoder<<ProstCodec<T, U> as Codec>::Decoder>;

    fn encoder(&mut self) -> Self::Encoder {
        self.0.encoder()
    }

    fn decoder(&mut self) -> Self::Decoder {
        BoundedDecoder(self.0.decoder())
    }
}

impl<D: Decoder<Error = Status>> Decoder for BoundedDecoder<D> {
    type Item = D::Item;
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<D::Item>, Status> {
        // A message lies in one piece.
        if message.chunk().len() == message.remaining() {
            Tally::default().add(Of::Request, message.chunk())?;
        } else {
            return Err(Status::internal("a message lies in pieces"));
        }
        self.0.decode(message)
    }

    fn buffer_settings(&self) -> BufferSettings {
        self.0.buffer_settings()
    }
}

impl Tally {
    fn add(&mut self, of: Of, mut message: &[u8]) -> Result<(), Failure> {
        while !message.is_empty() {
            let wrong = || Failure::request("not a message of the protocol");
            let (number, value) = field(&mut message).ok_or_else(wrong)?;
            if let (Of::Contents, 1..=8) = (of, number) {
                self.list_bytes = self.list_bytes.saturating_add(taken(number, &value));
            } else {
                self.fields += 1;
            }
            match (of, number, &value) {
                (Of::Request, 5, Value::Bytes(input)) => self.add(Of::Input, input)?,
                (Of::Request, 6, Value::Bytes(output)) => self.add(Of::Other, output)?,
                (Of::Input, 5, Value::Bytes(contents)) => self.add(Of::Contents, contents)?,
                (Of::Input, 3, Value::Bytes(shape)) => self.fields += varints(shape),
                _ => {}
            }
            self.check()?;
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Failure> {
        if self.fields > MAX_MESSAGE_FIELDS {
            let words = format!(
                "the message has more than {MAX_MESSAGE_FIELDS} fields beside the elements of tensors"
            );
            return Err(Failure::request(words));
        }
        if self.list_bytes > MAX_LIST_BYTES {
            let words =
                format!("typed lists of more than {MAX_LIST_BYTES} bytes: send them in raw_input_contents");
            return Err(Failure::new(Fault::TooLarge, words));
        }
        Ok(())
    }
}

/// Bytes that the elements of a typed list take, by the number of the list: packed ones, or a single one.
fn taken(list: u64, value: &Value<'_>) -> usize {
    match (list, value) {
        (1, Value::Bytes(packed)) => varints(packed),
        (2 | 4, Value::Bytes(packed)) => varints(packed).saturating_mul(4),
        (3 | 5, Value::Bytes(packed)) => varints(packed).saturating_mul(8),
        (8, Value::Bytes(element)) => element.len() + size_of::<Vec<u8>>(),
        (_, Value::Bytes(packed)) => packed.len(),
        (_, Value::Number) => 8,
    }
}

/// Numbers of variable length end with a byte below 128.
fn varints(packed: &[u8]) -> usize {
    packed.iter().filter(|byte| **byte < 0x80).count()
}

/// The next field: its number and its value. Groups are no part of the protocol.
fn field<'a>(message: &mut &'a [u8]) -> Option<(u64, Value<'a>)> {
    let key = varint(message)?;
    let value = match key & 7 {
        0 => varint(message).map(|_| Value::Number)?,
        1 => message.split_off(..8).map(|_| Value::Number)?,
        2 => {
            let length = usize::try_from(varint(message)?).ok()?;
            Value::Bytes(message.split_off(..length)?)
        }
        5 => message.split_off(..4).map(|_| Value::Number)?,
        _ => return None,
    };
    Some((key >> 3, value))
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *message.split_off_first()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::generated::model_infer_request::InferInputTensor;
    use super::super::generated::{InferTensorContents, ModelInferRequest};
    use super::*;

    fn tally(request: &ModelInferRequest) -> Result<Tally, Failure> {
        let mut tally = Tally::default();
        tally.add(Of::Request, &request.encode_to_vec()).map(|()| tally)
    }

    fn request(contents: InferTensorContents) -> ModelInferRequest {
        let input =
            InferInputTensor { shape: vec![1, 300], contents: Some(contents), ..InferInputTensor::default() };
        ModelInferRequest { model_name: "m".into(), inputs: vec![input], ..ModelInferRequest::default() }
    }

    #[test]
    fn elements_count_as_what_they_take() {
        let lists = InferTensorContents {
            bool_contents: vec![true; 3],
            int_contents: vec![1, -1],
            uint64_contents: vec![1, 300],
            fp32_contents: vec![0.5; 5],
            bytes_contents: vec![vec![0; 7]; 2],
            ..InferTensorContents::default()
        };
        let expected = Tally { fields: 6, list_bytes: 3 + 2 * 4 + 2 * 8 + 5 * 4 + 2 * (7 + 24) };
        assert_eq!(tally(&request(lists)), Ok(expected), "name, input, shape and its two, contents");
    }

    #[test]
    fn what_takes_many_times_its_size_is_refused() {
        let fault =
            |bytes: &[u8]| Tally::default().add(Of::Request, bytes).err().map(|failure| failure.fault);
        for unit in [[0x2a, 0], [0x32, 0], [0x3a, 0], [0x22, 0]] {
            assert_eq!(fault(&unit.repeat(MAX_MESSAGE_FIELDS)), None);
            assert_eq!(fault(&unit.repeat(MAX_MESSAGE_FIELDS + 1)), Some(Fault::Request));
        }
        let full = InferTensorContents { int64_contents: vec![0; MAX_LIST_BYTES / 8], ..Default::default() };
        assert!(tally(&request(full.clone())).is_ok());
        let mut beyond = full;
        beyond.bool_contents = vec![true];
        assert_eq!(tally(&request(beyond)).err().map(|failure| failure.fault), Some(Fault::TooLarge));
        for torn in [&[0x2a][..], &[0x2a, 5, 0], &[0xff; 11], &[0x2b], &[0x2d, 0, 0, 0], &[0x2a, 1, 0x18]] {
            assert_eq!(fault(torn), Some(Fault::Request), "{torn:?}");
        }
    }

    /// Bytes that the typed lists of a decoded input take.
    fn held(lists: &InferTensorContents) -> usize {
        let texts: usize = lists.bytes_contents.iter().map(|text| text.len() + size_of::<Vec<u8>>()).sum();
        let narrow = lists.int_contents.len() + lists.uint_contents.len() + lists.fp32_contents.len();
        let wide = lists.int64_contents.len() + lists.uint64_contents.len() + lists.fp64_contents.len();
        lists.bool_contents.len() + 4 * narrow + 8 * wide + texts
    }

    proptest! {
        #[test]
        fn any_message_is_refused_or_within_its_bounds(
            noise in prop::collection::vec(any::<u8>(), 0..64),
            at in any::<prop::sample::Index>(),
            floats in prop::collection::vec(any::<f32>(), 0..4),
            texts in prop::collection::vec(any::<[u8; 3]>(), 0..4),
        ) {
            let bytes_contents = texts.iter().map(|text| text.to_vec()).collect();
            let lists = InferTensorContents { fp32_contents: floats, bytes_contents, ..Default::default() };
            let mut changed = request(lists).encode_to_vec();
            let start = at.index(changed.len());
            changed.splice(start..(start + noise.len() / 2).min(changed.len()), noise.iter().copied());
            for bytes in [noise, changed] {
                let mut tally = Tally::default();
                let looked = tally.add(Of::Request, &bytes);
                let decoded = ModelInferRequest::decode(bytes.as_slice());
                if let (Ok(()), Ok(request)) = (looked, decoded) {
                    prop_assert!(tally.fields <= MAX_MESSAGE_FIELDS && tally.list_bytes <= MAX_LIST_BYTES);
                    prop_assert!(request.inputs.len() + request.outputs.len() <= tally.fields);
                    let held = request.inputs.iter().filter_map(|input| input.contents.as_ref()).map(held).sum::<usize>();
                    prop_assert!(held <= tally.list_bytes, "{held} bytes were counted as {}", tally.list_bytes);
                }
            }
        }
    }
}
