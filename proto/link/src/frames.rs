//! Reads and writes single frames on any byte stream.
//!
//! A length is believed only as far as bytes have arrived, unless its memory was reserved before, and
//! nobody waits for a peer without a limit. Only [`read_header`] may be cancelled, and only while no
//! byte has come: any other cut leaves the stream out of step, so that the connection must be given up.

use std::io;
use std::time::Duration;

use bytes::BufMut;
use strongroom_proto::frame::{HEADER_BYTES, Header, Kind};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::LinkError;
use crate::limits::{FIRST_READ_BYTES, HEADER_TIMEOUT, MAX_WRITE_BYTES, SMALL_FRAME_BYTES, WRITE_TIMEOUT};

/// Reads a header, waiting at most `idle` for its first byte.
///
/// # Errors
/// [`LinkError::Idle`] when nothing came, after which the read may be repeated; [`LinkError::Closed`]
/// at an orderly end; [`LinkError::Truncated`], [`LinkError::ReadTimeout`], [`LinkError::Frame`] or
/// [`LinkError::Io`].
pub async fn read_header<R>(reader: &mut R, idle: Duration) -> Result<Header, LinkError>
where
    R: AsyncRead + Unpin,
{
    let mut bytes = [0; HEADER_BYTES];
    let first = within(idle, LinkError::Idle, reader.read(&mut bytes)).await?;
    if first == 0 {
        return Err(LinkError::Closed);
    }
    if let Some(rest) = bytes.get_mut(first..) {
        within(HEADER_TIMEOUT, LinkError::ReadTimeout, reader.read_exact(rest)).await?;
    }
    Ok(Header::parse(bytes)?)
}

/// Reads the body that `header` announces, all of it within `limit`.
///
/// # Errors
/// [`LinkError::Truncated`], [`LinkError::ReadTimeout`] or [`LinkError::Io`].
pub async fn read_body<R>(reader: &mut R, header: Header, limit: Duration) -> Result<Vec<u8>, LinkError>
where
    R: AsyncRead + Unpin,
{
    read_after(reader, Vec::new(), header, limit).await
}

/// Reads the body that `header` announces behind the bytes that were read before it. Where those have room for
/// all of it behind them, nothing is allocated.
///
/// # Errors
/// As [`read_body`].
pub async fn read_after<R>(
    reader: &mut R,
    mut first: Vec<u8>,
    header: Header,
    limit: Duration,
) -> Result<Vec<u8>, LinkError>
where
    R: AsyncRead + Unpin,
{
    let length = first.len() + header.body_bytes();
    within(limit, LinkError::ReadTimeout, read_growing(reader, &mut first, length)).await?;
    Ok(first)
}

/// Reads the body that `header` announces and keeps none of it.
///
/// # Errors
/// As [`read_body`].
pub async fn skip_body<R>(reader: &mut R, header: Header, limit: Duration) -> Result<(), LinkError>
where
    R: AsyncRead + Unpin,
{
    let announced = header.body_bytes() as u64;
    let (mut body, mut nowhere) = (reader.take(announced), tokio::io::sink());
    let skipped = within(limit, LinkError::ReadTimeout, tokio::io::copy(&mut body, &mut nowhere)).await?;
    if skipped == announced { Ok(()) } else { Err(LinkError::Truncated) }
}

/// Writes one frame whose body is `parts` in order, without copying a large body.
///
/// # Errors
/// [`LinkError::Frame`] before anything is written when the body is longer than its kind allows;
/// [`LinkError::WriteTimeout`] or [`LinkError::Io`].
pub async fn write_frame<W>(writer: &mut W, kind: Kind, id: u32, parts: &[&[u8]]) -> Result<(), LinkError>
where
    W: AsyncWrite + Unpin,
{
    let body_bytes = parts.iter().fold(0, |sum: usize, part| sum.saturating_add(part.len()));
    let header = Header::new(kind, id, body_bytes)?.to_bytes();
    if body_bytes <= SMALL_FRAME_BYTES {
        let frame = [&[header.as_slice()], parts].concat().concat();
        write_bounded(writer, &frame).await?;
    } else {
        write_bounded(writer, &header).await?;
        for part in parts {
            write_bounded(writer, part).await?;
        }
    }
    within(WRITE_TIMEOUT, LinkError::WriteTimeout, writer.flush()).await
}

/// Puts a small frame behind those that are to leave with it in one write. `false` where it is not small, or where there is
/// no room for it.
///
/// # Errors
/// [`LinkError::Frame`] when the body is longer than its kind allows.
pub fn join_frame(joined: &mut Vec<u8>, kind: Kind, id: u32, body: &[u8]) -> Result<bool, LinkError> {
    let header = Header::new(kind, id, body.len())?.to_bytes();
    let fits = joined.len() + header.len() + body.len() <= MAX_WRITE_BYTES;
    if body.len() <= SMALL_FRAME_BYTES && fits {
        joined.extend_from_slice(&header);
        joined.extend_from_slice(body);
        return Ok(true);
    }
    Ok(false)
}

/// Writes joined frames, if there are any, and leaves none.
///
/// # Errors
/// [`LinkError::WriteTimeout`] or [`LinkError::Io`].
pub async fn write_joined<W>(writer: &mut W, joined: &mut Vec<u8>) -> Result<(), LinkError>
where
    W: AsyncWrite + Unpin,
{
    if joined.is_empty() {
        return Ok(());
    }
    write_bounded(writer, joined).await?;
    joined.clear();
    within(WRITE_TIMEOUT, LinkError::WriteTimeout, writer.flush()).await
}

async fn write_bounded<W>(writer: &mut W, bytes: &[u8]) -> Result<(), LinkError>
where
    W: AsyncWrite + Unpin,
{
    for piece in bytes.chunks(MAX_WRITE_BYTES) {
        within(WRITE_TIMEOUT, LinkError::WriteTimeout, writer.write_all(piece)).await?;
    }
    Ok(())
}

/// Reads until `body` has `length` bytes. It at most doubles, so that a peer pays for what it claims.
async fn read_growing<R>(reader: &mut R, body: &mut Vec<u8>, length: usize) -> io::Result<()>
where
    R: AsyncRead + Unpin,
{
    while body.len() < length {
        let missing = length - body.len();
        if body.len() == body.capacity() {
            body.reserve_exact(missing.min(body.len().max(FIRST_READ_BYTES)));
        }
        if reader.read_buf(&mut (&mut *body).limit(missing)).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

async fn within<T>(
    limit: Duration,
    late: LinkError,
    io: impl Future<Output = io::Result<T>>,
) -> Result<T, LinkError> {
    Ok(tokio::time::timeout(limit, io).await.map_err(|_| late)??)
}

#[cfg(test)]
mod tests;
