//! The JSON lines: one object a log, a record, a checkpoint.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::Kept;

/// One line. `boot` is in hexadecimal, what is sealed or signed in Base64 with padding (RFC 4648 §4).
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Line<'a> {
    Log { boot: &'a str, segment: u32, opening: String, document: String },
    Record { boot: &'a str, segment: u32, number: i64, sealed: String },
    Checkpoint { boot: &'a str, segment: u32, records: i64, document: String },
}

/// The lines of what was kept; what its log begins with comes first where that is asked for.
pub(super) fn of(kept: &Kept, with_log: bool) -> Vec<u8> {
    let (boot, segment) = (&*hex::encode(kept.boot), kept.segment);
    let log = kept.beginning.iter().filter(|_| with_log).map(|beginning| Line::Log {
        boot,
        segment,
        opening: STANDARD.encode(&beginning.opening),
        document: STANDARD.encode(&beginning.document),
    });
    let records = kept.records.iter().map(|(number, sealed)| Line::Record {
        boot,
        segment,
        number: *number,
        sealed: STANDARD.encode(sealed),
    });
    let checkpoint = kept.checkpoint.iter().map(|(records, document)| Line::Checkpoint {
        boot,
        segment,
        records: *records,
        document: STANDARD.encode(document),
    });
    let mut text = Vec::new();
    for line in log.chain(records).chain(checkpoint) {
        // Text and numbers alone always have a JSON form, and memory takes it.
        let _ = serde_json::to_writer(&mut text, &line);
        text.push(b'\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keep::audit::Beginning;

    #[test]
    fn a_line_each_in_their_order() {
        let kept = Kept {
            boot: [0xab; 16],
            segment: 3,
            beginning: Some(Beginning { opening: b"o".to_vec(), document: b"d".to_vec() }),
            records: vec![(5, b"five".to_vec()), (6, vec![0xff; 2])],
            checkpoint: Some((7, b"c".to_vec())),
            conflicts: 0,
        };
        let boot = "ab".repeat(16);
        let rest = format!(
            "{{\"kind\":\"record\",\"boot\":\"{boot}\",\"segment\":3,\"number\":5,\"sealed\":\"Zml2ZQ==\"}}\n\
             {{\"kind\":\"record\",\"boot\":\"{boot}\",\"segment\":3,\"number\":6,\"sealed\":\"//8=\"}}\n\
             {{\"kind\":\"checkpoint\",\"boot\":\"{boot}\",\"segment\":3,\"records\":7,\"document\":\"Yw==\"}}\n"
        );
        assert_eq!(String::from_utf8(of(&kept, false)).unwrap(), rest);
        let log = format!(
            "{{\"kind\":\"log\",\"boot\":\"{boot}\",\"segment\":3,\"opening\":\"bw==\",\"document\":\"ZA==\"}}\n"
        );
        assert_eq!(String::from_utf8(of(&kept, true)).unwrap(), log + &rest);
    }
}
