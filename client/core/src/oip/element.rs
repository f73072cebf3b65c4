//! One element between JSON and little-endian bytes.

use strongroom_seal::tensor::{DType, push_string};

use super::Fault;
use super::json::Json;

/// Appends element `index` of a `data` list.
pub(super) fn push(data: &mut Vec<u8>, dtype: DType, index: usize, value: &Json<'_>) -> Result<(), Fault> {
    match (dtype, value) {
        (DType::Bool, Json::Bool(value)) => data.push((*value).into()),
        (DType::Bool, _) => return Err(Fault::Element { index, expected: "a boolean" }),
        (DType::Bytes, Json::Text(text)) => {
            push_string(data, text.as_bytes()).map_err(|_| Fault::Range { index })?;
        }
        (DType::Bytes, _) => return Err(Fault::Element { index, expected: "a string" }),
        (DType::Fp16 | DType::Bf16, _) => return Err(Fault::NoJsonForm),
        (DType::Fp32 | DType::Fp64, Json::Number(text)) => push_float(data, dtype, index, text)?,
        (DType::Fp32 | DType::Fp64, _) => return Err(Fault::Element { index, expected: "a number" }),
        (_, Json::Number(text)) => push_integer(data, dtype, index, text)?,
        (_, _) => return Err(Fault::Element { index, expected: "an integer" }),
    }
    Ok(())
}

/// Rounds the text once, to the nearest value of the datatype.
fn push_float(data: &mut Vec<u8>, dtype: DType, index: usize, text: &str) -> Result<(), Fault> {
    let range = Fault::Range { index };
    if dtype == DType::Fp32 {
        let value = text.parse::<f32>().ok().filter(|value| value.is_finite()).ok_or(range)?;
        data.extend(value.to_le_bytes());
    } else {
        let value = text.parse::<f64>().ok().filter(|value| value.is_finite()).ok_or(range)?;
        data.extend(value.to_le_bytes());
    }
    Ok(())
}

fn push_integer(data: &mut Vec<u8>, dtype: DType, index: usize, text: &str) -> Result<(), Fault> {
    if text.contains(['.', 'e', 'E']) {
        return Err(Fault::Element { index, expected: "an integer" });
    }
    let wide: i128 = text.parse().map_err(|_| Fault::Range { index })?;
    let bytes = dtype.element_bytes().unwrap_or_default();
    // Every integer type has at most 8 bytes, so the shifts stay inside i128.
    let bits = 8 * bytes;
    let (least, most) = match dtype {
        DType::Uint8 | DType::Uint16 | DType::Uint32 | DType::Uint64 => (0, (1_i128 << bits) - 1),
        _ => (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1),
    };
    if !(least..=most).contains(&wide) {
        return Err(Fault::Range { index });
    }
    data.extend(wide.to_le_bytes().iter().take(bytes));
    Ok(())
}
