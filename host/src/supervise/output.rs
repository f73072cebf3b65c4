//! Turns a program's output into lines of the log: printable, bounded, and whoever writes it.

use strongroom_proto::limits::MAX_LOG_LINE_BYTES;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use crate::services::printable;

/// Logs every line until the output ends.
pub(super) async fn log_lines<R: AsyncRead + Unpin>(from: R, purpose: &'static str) {
    each_line(from, |line| tracing::info!(purpose, "{}", printable(line))).await;
}

/// Hands over each line that is not empty, cut to [`MAX_LOG_LINE_BYTES`].
async fn each_line<R: AsyncRead + Unpin>(from: R, mut take: impl FnMut(&[u8])) {
    let (mut reader, mut line) = (BufReader::new(from), Vec::new());
    while let Ok(piece @ [_, ..]) = reader.fill_buf().await {
        let end = piece.iter().position(|byte| *byte == b'\n');
        let part = end.and_then(|end| piece.get(..end)).unwrap_or(piece);
        line.extend(part.iter().take(MAX_LOG_LINE_BYTES.saturating_sub(line.len())));
        let used = part.len() + usize::from(end.is_some());
        reader.consume(used);
        if end.is_some() && !line.is_empty() {
            take(&line);
            line.clear();
        }
    }
    if !line.is_empty() {
        take(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_cut_and_empty_ones_dropped() {
        let long = "x".repeat(5 * MAX_LOG_LINE_BYTES);
        let text = format!("one\n\n\n{long}\ntwo\r\nrest");
        let mut lines = Vec::new();
        each_line(text.as_bytes(), |line| lines.push(String::from_utf8(line.to_vec()).unwrap())).await;
        assert_eq!(lines.len(), 4);
        assert_eq!((lines[0].as_str(), lines[2].as_str(), lines[3].as_str()), ("one", "two\r", "rest"));
        assert_eq!(lines[1].len(), MAX_LOG_LINE_BYTES);
    }
}
