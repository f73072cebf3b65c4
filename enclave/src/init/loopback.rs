//! Step 6: the loopback interface, by one message to the kernel (rtnetlink(7)).
//!
//! Nothing of ours uses it; it is up because programs expect it. An enclave has no other interface.

use std::io;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};

const RTM_NEWLINK: u16 = 16;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLMSG_ERROR: u16 = 2;
/// The kernel gives the loopback interface this number before any other exists.
const LOOPBACK_INDEX: i32 = 1;
const IFF_UP: u32 = 1;
const SEQUENCE: u32 = 1;

/// Header (16 bytes) and `ifinfomsg` (16 bytes).
const MESSAGE_BYTES: usize = 32;
/// Header, error code and the header that it answers, at least.
const ANSWER_BYTES: usize = 256;

pub(super) fn up() -> io::Result<()> {
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    send(&socket, &message(), SendFlags::empty())?;
    let mut answer = [0; ANSWER_BYTES];
    let (_, bytes) = recv(&socket, answer.as_mut_slice(), RecvFlags::empty())?;
    acknowledged(answer.get(..bytes).unwrap_or_default())
}

fn message() -> Vec<u8> {
    let length = u32::try_from(MESSAGE_BYTES).unwrap_or(u32::MAX);
    let mut message = Vec::with_capacity(MESSAGE_BYTES);
    message.extend_from_slice(&length.to_ne_bytes());
    message.extend_from_slice(&RTM_NEWLINK.to_ne_bytes());
    message.extend_from_slice(&(NLM_F_REQUEST | NLM_F_ACK).to_ne_bytes());
    message.extend_from_slice(&SEQUENCE.to_ne_bytes());
    // Sender, zero for "any"; then family and type of the interface, both unspecified.
    message.extend_from_slice(&[0; 8]);
    message.extend_from_slice(&LOOPBACK_INDEX.to_ne_bytes());
    // Flags, and which of them are meant.
    message.extend_from_slice(&IFF_UP.to_ne_bytes());
    message.extend_from_slice(&IFF_UP.to_ne_bytes());
    message
}

fn acknowledged(answer: &[u8]) -> io::Result<()> {
    let unexpected = || io::Error::from(io::ErrorKind::InvalidData);
    let kind = answer.get(4..6).and_then(|bytes| bytes.try_into().ok()).map(u16::from_ne_bytes);
    let code = answer.get(16..20).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes);
    match (kind, code) {
        (Some(NLMSG_ERROR), Some(0)) => Ok(()),
        (Some(NLMSG_ERROR), Some(code)) => Err(io::Error::from_raw_os_error(code.saturating_neg())),
        _ => Err(unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_as_long_as_it_says() {
        let message = message();
        assert_eq!(message.len(), MESSAGE_BYTES);
        assert_eq!(message[..4], 32_u32.to_ne_bytes());
        assert_eq!(message[20..24], LOOPBACK_INDEX.to_ne_bytes());
    }

    #[test]
    fn only_an_acknowledgement_without_error_is_one() {
        let answer = |kind: u16, code: i32| {
            let mut answer = vec![0; 36];
            answer[4..6].copy_from_slice(&kind.to_ne_bytes());
            answer[16..20].copy_from_slice(&code.to_ne_bytes());
            acknowledged(&answer)
        };
        assert!(answer(NLMSG_ERROR, 0).is_ok());
        assert_eq!(answer(NLMSG_ERROR, -1).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert!(answer(RTM_NEWLINK, 0).is_err() && acknowledged(&[]).is_err());
    }
}
