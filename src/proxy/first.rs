//! What a client may say first (manual, "Message Formats": the messages without a tag).

/// No server takes a longer startup message (`MAX_STARTUP_PACKET_LENGTH`).
pub(super) const MAX_BYTES: usize = 10_000;
/// The first byte of a TLS handshake, which begins a connection of `sslnegotiation=direct`.
pub(super) const TLS_HANDSHAKE: u8 = 0x16;

const CANCEL_REQUEST: u32 = 80_877_102;
const SSL_REQUEST: u32 = 80_877_103;
const GSSENC_REQUEST: u32 = 80_877_104;

/// A client's first message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum First {
    Ssl,
    GssEncryption,
    /// To be forwarded to the server on a connection of its own.
    Cancel,
    Startup(Startup),
    /// A protocol before 3: the server knows what to say.
    Unknown,
}

/// What a startup message says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Startup {
    pub(super) user: Option<String>,
    pub(super) database: Option<String>,
    pub(super) application_name: Option<String>,
    pub(super) is_replication: bool,
}

/// Returns the length of a message from its first four bytes, itself included; `None` when that cannot be one.
pub(super) fn length(bytes: [u8; 4]) -> Option<usize> {
    usize::try_from(u32::from_be_bytes(bytes)).ok().filter(|length| (8..=MAX_BYTES).contains(length))
}

/// Reads a whole first message, length included.
pub(super) fn read(message: &[u8]) -> First {
    let Some((code, rest)) = message.get(4..).and_then(<[u8]>::split_first_chunk) else {
        return First::Unknown;
    };
    match (u32::from_be_bytes(*code), rest.len()) {
        (SSL_REQUEST, 0) => First::Ssl,
        (GSSENC_REQUEST, 0) => First::GssEncryption,
        // A process and its secret, which is longer since protocol 3.2.
        (CANCEL_REQUEST, _) => First::Cancel,
        (version, _) if version >> 16 == 3 => First::Startup(startup(rest)),
        _ => First::Unknown,
    }
}

fn startup(parameters: &[u8]) -> Startup {
    let mut texts =
        parameters.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
    let mut startup = Startup::default();
    while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
        match name.as_str() {
            "user" => startup.user = Some(value),
            "database" => startup.database = Some(value),
            "application_name" => startup.application_name = Some(value).filter(|name| !name.is_empty()),
            // Whatever is no false is a replication connection, `database` among it.
            "replication" => {
                startup.is_replication =
                    !["false", "off", "no", "0", "f", "n"].contains(&value.to_lowercase().as_str());
            }
            "" => break,
            _ => {}
        }
    }
    if startup.database.is_none() {
        startup.database.clone_from(&startup.user);
    }
    startup
}

/// Returns the authentication request without the ways that tie it to a TLS connection, which ends at the proxy; `None`
/// when it stays as it is. `body` is that of the message.
pub(super) fn without_channel_binding(body: &[u8]) -> Option<Vec<u8>> {
    const SASL: [u8; 4] = [0, 0, 0, 10];
    let mechanisms = body.strip_prefix(&SASL)?;
    let kept: Vec<&[u8]> = mechanisms
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty() && !name.ends_with(b"-PLUS"))
        .collect();
    let has_binding = mechanisms.split(|byte| *byte == 0).any(|name| name.ends_with(b"-PLUS"));
    // With nothing left, the client may as well hear what the server wants.
    if !has_binding || kept.is_empty() {
        return None;
    }
    let mut body = SASL.to_vec();
    for name in kept {
        body.extend_from_slice(name);
        body.push(0);
    }
    body.push(0);
    Some(body)
}

/// A fatal error for the client, as the server would send it.
pub(super) fn fatal(code: &str, text: &str, hint: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for (kind, text) in [(b'S', "FATAL"), (b'V', "FATAL"), (b'C', code), (b'M', text), (b'H', hint)] {
        body.push(kind);
        body.extend(text.bytes().filter(|byte| *byte != 0));
        body.push(0);
    }
    body.push(0);
    message(b'E', &body)
}

/// A message with a tag.
pub(super) fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [&[tag][..], &length.to_be_bytes(), body].concat()
}

/// Returns the length of the body of a message with a tag, of those that come first.
pub(super) fn length_of_body(bytes: [u8; 4]) -> Option<usize> {
    usize::try_from(u32::from_be_bytes(bytes)).ok()?.checked_sub(4).filter(|length| *length <= MAX_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn first(code: u32, rest: &[u8]) -> Vec<u8> {
        let length = u32::try_from(rest.len() + 8).unwrap();
        [&length.to_be_bytes()[..], &code.to_be_bytes(), rest].concat()
    }

    #[test]
    fn reads_each_first_message() {
        assert_eq!(read(&first(SSL_REQUEST, b"")), First::Ssl);
        assert_eq!(read(&first(GSSENC_REQUEST, b"")), First::GssEncryption);
        assert_eq!(read(&first(CANCEL_REQUEST, &[0; 36])), First::Cancel);
        assert_eq!(read(&first(2 << 16, b"")), First::Unknown);
        for version in [3 << 16, (3 << 16) + 2] {
            let startup = read(&first(version, b"user\0a\0application_name\0b\0options\0-c x=y\0\0"));
            assert_eq!(
                startup,
                First::Startup(Startup {
                    user: Some("a".to_owned()),
                    database: Some("a".to_owned()),
                    application_name: Some("b".to_owned()),
                    is_replication: false,
                })
            );
        }
        let First::Startup(startup) = read(&first(3 << 16, b"replication\0database\0\0")) else {
            panic!("startup")
        };
        assert!(startup.is_replication);
        let First::Startup(startup) = read(&first(3 << 16, b"replication\0off\0\0")) else {
            panic!("startup")
        };
        assert!(!startup.is_replication);
    }

    #[test]
    fn refuses_lengths_that_are_none() {
        assert_eq!(length([0, 0, 0, 7]), None);
        assert_eq!(length(*b"GET "), None);
        assert_eq!(length([0, 0, 0, 8]), Some(8));
    }

    #[test]
    fn takes_channel_binding_out() {
        let both = b"\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0";
        let without = without_channel_binding(both);
        assert_eq!(without.as_deref(), Some(&b"\0\0\0\x0aSCRAM-SHA-256\0\0"[..]));
        assert_eq!(without_channel_binding(&without.unwrap()), None);
        assert_eq!(without_channel_binding(b"\0\0\0\x05salt"), None);
        assert_eq!(without_channel_binding(b"\0\0\0\0"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            read(&bytes);
            without_channel_binding(&bytes);
        }
    }
}
